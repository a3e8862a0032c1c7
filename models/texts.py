"""How a passage's title and text become one string: a setting, for it changes scores."""

import pyarrow as pa


def passage_texts(passages: pa.Table, template: str = "{title} {text}") -> list[str]:
    """Fill ``template`` for every row and strip what an empty title leaves behind.

    >>> passage_texts(pa.table({"title": ["", "Rhine"], "text": ["one", "two"]}))
    ['one', 'Rhine two']
    """
    rows = zip(passages["title"].to_pylist(), passages["text"].to_pylist(), strict=True)
    return [template.format(title=title, text=text).strip() for title, text in rows]
