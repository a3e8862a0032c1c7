# Two images of one set of pinned versions: `server` (Prefect alone) and `worker` (the pipeline). What changes
# rarely comes first, so that an edited file of code rebuilds only the last layer. Neither runs as root.
FROM python:3.11.13-slim-bookworm AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CACHE_DIR=/var/cache/pip PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --create-home distill \
 && mkdir /app /artifacts /models && chown distill /app /artifacts /models
WORKDIR /app
COPY constraints.txt ./

FROM base AS server
RUN --mount=type=cache,target=/var/cache/pip \
    pip install --constraint constraints.txt prefect fastapi asyncpg prefect-redis==0.3.0
USER distill

FROM base AS worker
# The build of torch without CUDA is gigabytes smaller; the worker with a GPU is built with TORCH=torch==2.13.0
ARG TORCH="torch==2.13.0+cpu --extra-index-url https://download.pytorch.org/whl/cpu"
RUN --mount=type=cache,target=/var/cache/pip pip install --constraint constraints.txt $TORCH
COPY pyproject.toml README.md ./
RUN --mount=type=cache,target=/var/cache/pip \
    mkdir flows tasks models data && touch flows/__init__.py tasks/__init__.py models/__init__.py data/__init__.py \
 && pip install --constraint constraints.txt --editable '.[offline]'
COPY --chown=distill . .
ENV HF_HOME=/models
USER distill
