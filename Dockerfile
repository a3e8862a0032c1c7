# The worker: dependencies in a layer of their own, the code last, no root.
FROM python:3.11-slim AS worker
RUN useradd --create-home distill && mkdir /artifacts /app && chown distill /artifacts /app
WORKDIR /app
COPY --chown=distill pyproject.toml constraints.txt README.md ./
RUN mkdir flows tasks models data && touch flows/__init__.py tasks/__init__.py models/__init__.py data/__init__.py \
 && pip install --no-cache-dir --constraint constraints.txt --editable '.[offline]'
COPY --chown=distill . .
USER distill
