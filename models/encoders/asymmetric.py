"""Two encoders of one space: a small one reads queries, a large one reads passages.

    s(q, p) = E_q(q) · E_p(p)

As a folder they are one model of sentence-transformers whose router sends ``encode_query`` to the one and
``encode_document`` to the other. Here each is run as a model of its own, so that a query costs the small
encoder only, and both run as fast as a ``TextEncoder`` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router

from models.encoders.text_encoder import Form, TextEncoder, Vectors

QUERY, DOCUMENT = "query", "document"
OF_PASSAGES = "passages_"


@dataclass(frozen=True)
class TwoTowers:
    """What encodes queries and what encodes passages; both may be the same."""

    queries: TextEncoder
    passages: TextEncoder

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.passages.width

    @property
    def parameters(self) -> int:
        """Number of weights that a query passes."""
        return self.queries.parameters

    @property
    def model(self) -> SentenceTransformer:
        """The one that encodes passages."""
        return self.passages.model

    @property
    def passage(self) -> Form:
        """How a passage becomes tokens."""
        return self.passages.passage

    @property
    def prompts(self) -> dict[str, str | None]:
        """What is put before texts, by the library's names."""
        return {QUERY: self.queries.query.prompt, DOCUMENT: self.passages.passage.prompt}

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """One vector per query, [query, width]."""
        return self.queries.encode_queries(texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """One vector per passage, [passage, width]."""
        return self.passages.encode_passages(texts)

    def facts(self) -> dict[str, str]:
        """How texts are encoded: precision, engine, attention."""
        if self.queries is self.passages:
            return self.queries.facts()
        return self.queries.facts() | {
            OF_PASSAGES + name: fact for name, fact in self.passages.facts().items()
        }

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Encode as ``facts`` of an earlier process say."""
        self.queries.work_as(facts)
        if self.queries is not self.passages:
            own = {
                name.removeprefix(OF_PASSAGES): fact for name, fact in facts.items() if OF_PASSAGES in name
            }
            self.passages.work_as(own)


def joined(towers: TwoTowers) -> SentenceTransformer:
    """One model with a route for queries and one for passages; it shares the towers' weights.

    Prompts and lengths of the towers become its own.
    """
    small, large = towers.queries.model, towers.passages.model
    routes = modules_of(small), modules_of(large)
    routes[0][0].query_length = _shorter(towers.queries.query.max_tokens, small.max_seq_length)
    routes[1][0].document_length = _shorter(towers.passages.passage.max_tokens, large.max_seq_length)
    return SentenceTransformer(
        modules=[Router.for_query_document(*routes)],
        device=str(small.device),
        prompts=_named(towers.prompts),
        similarity_fn_name=small.similarity_fn_name,
    )


def parted(model: SentenceTransformer) -> tuple[SentenceTransformer, SentenceTransformer]:
    """The routes for queries and for passages, each as a model; a model without a router is both.

    >>> from sentence_transformers.sentence_transformer.modules import BoW
    >>> plain = SentenceTransformer(modules=[BoW(["gold"])], device="cpu")
    >>> [each is plain for each in parted(plain)]
    [True, True]
    """
    router = model[0]
    if not isinstance(router, Router):
        return model, model
    rest = modules_of(model)[1:]
    routes: Any = router.sub_modules
    query, document = (
        SentenceTransformer(
            modules=[*routes[name], *rest],
            device=str(model.device),
            prompts=_named(model.prompts),
            similarity_fn_name=model.similarity_fn_name,
        )
        for name in (QUERY, DOCUMENT)
    )
    return query, document


def inherited(model: SentenceTransformer, precision: str) -> TextEncoder:
    """The route for passages of a model that ``joined`` made, with the prompt and the length of then."""
    first: Any = model[0]
    form = Form(model.prompts.get(DOCUMENT) or "", first.document_length)
    return TextEncoder(model, passage=form, precision=precision)


def modules_of(model: SentenceTransformer) -> list[Any]:
    """The steps of a model, in their order."""
    return list(model.children())


def _shorter(*limits: int | None) -> int | None:
    return min(filter(None, limits), default=None)


def _named(prompts: Mapping[str, str | None]) -> dict[str, str]:
    return {task: prompts.get(task) or "" for task in (QUERY, DOCUMENT)}
