"""Multi-level distillation: a ranker teaches a retriever its filter, its scores, its looks and its states.

    L = InfoNCE, filtered  +  a · sentence KL  +  b · attention match  +  c · hidden match

The first two are over all candidates of a query's list. The last two read the ranker's last layer on the
positive and the first negatives alone: a map per pair is [query, passage], and those of all negatives would
fill the memory. A passage that stands in its list before counts once.
Source: https://arxiv.org/abs/2312.16821; each term in its own file beside this one.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from models.checkpoints import under
from models.encoders.ranker import Pair, Ranker
from models.encoders.token_states import EncodeStates, together
from models.encoders.word_alignment import places_of
from models.losses.filtered_infonce import false_negatives, filtered_infonce
from models.losses.sentence_kl import sentence_kl
from models.losses.word_levels import Direction, Towers, attention_level, hidden_level, sides

log = logging.getLogger("distill")
# Above it, the collapse that a filter risks is likelier than so many answers that nobody labelled.
WARNED_RATE = 0.3


@dataclass(frozen=True)
class Levels:
    """What is learned of a ranker, and how much each counts; 0 leaves a term out."""

    score_scale: float  # times the student's scores
    filtered: bool = False
    sentence: float = 0.0
    temperature: float = 1.0  # of the sentence level, on both sides
    attention: float = 0.0
    hidden: float = 0.0
    direction: Direction = "query_to_passage"
    word_negatives: int = 1
    ranker_factor: float = 1.0  # times scores that the ranker gives here
    refresh_every: int | None = None
    refresh_steps: int = 1

    @property
    def words(self) -> bool:
        """Whether the ranker's last layer is read."""
        return self.attention > 0 or self.hidden > 0

    @property
    def scores(self) -> bool:
        """Whether scores of the ranker are needed."""
        return self.filtered or self.sentence > 0


@dataclass
class Tally:
    """How many negatives there were, and how many were left out as false ones; shares of words in common."""

    negatives: float = 0.0
    false: float = 0.0
    word_share: float = 0.0
    readings: float = 0.0

    def measures(self) -> dict[str, float]:
        """What there is to tell."""
        told: dict[str, float] = {}
        if self.negatives:
            told["filter_rate"] = self.false / self.negatives
        if self.readings:
            told["words_aligned"] = self.word_share / self.readings
        return told


class MultiLevelLoss(nn.Module):
    """Gives the terms that have a weight, by name; ``whole`` tallies the training so far.

    Args:
        model: the student; a score is the inner product of its vectors, times a scale.
        levels: what counts.
        ranker: one that is looked into or goes on learning; None where its stored scores are all.
    """

    def __init__(self, model: Any, levels: Levels, ranker: Ranker | None = None) -> None:  # noqa: ANN401
        super().__init__()
        self.model = EncodeStates(model)
        self.levels = levels
        self.whole = Tally()
        self._recent = Tally()
        self._tokenizer = model.tokenizer
        self._ranker = ranker
        self._steps = 0
        self._warned = False
        if levels.hidden and ranker:
            # Of no use but for training. It starts as the identity, which is right for two models of one
            # backbone and, unlike random numbers, the same for every seed.
            self.projection = nn.Linear(_width(model), ranker.width, bias=False)
            nn.init.eye_(self.projection.weight)

    def forward(
        self, columns: Sequence[dict[str, Any]], labels: Float[Tensor, "query candidate"] | None = None
    ) -> dict[str, Tensor]:
        """Loss of one step, term by term.

        Args:
            columns: tokens and ``texts`` of queries, positives and negatives, one column after the other.
            labels: stored scores of the lists' passages; None where none are needed, or the ranker is asked.
        """
        self._steps += 1
        queries, *candidates = [list(column["texts"]) for column in columns]
        lists = [
            [(query, text) for text in texts] for query, *texts in zip(queries, *candidates, strict=True)
        ]
        repeats = _repeats(lists).to(columns[0]["input_ids"].device)
        maps = 1 + min(self.levels.word_negatives, len(candidates) - 1) if self.levels.words else 0

        first, others = _tokens(columns[0]), together([_tokens(column) for column in columns[1:]])
        query_vectors, query_states = self.model(first, len(queries) if maps else 0)
        vectors, states = self.model(others, maps * len(queries))
        by_list = vectors.float().view(len(candidates), len(queries), -1).transpose(0, 1)
        scores = self.levels.score_scale * (query_vectors.float()[:, None] * by_list).sum(dim=-1)

        terms = self._by_scores(scores, self._ranked(lists, labels), repeats)
        if maps and self._ranker:
            pairs = [row[place] for place in range(maps) for row in lists]
            towers = Towers(
                query_states.float().repeat(maps, 1, 1),
                self._places([query for query, _ in pairs], first),
                states.float(),
                self._places([passage for _, passage in pairs], others),
            )
            terms |= self._by_words(self._ranker, pairs, towers)
        self._refresh(lists, repeats)
        return terms

    def memory(self) -> dict[str, Tensor]:
        """Steps and tally so far, and the ranker, if it learns (``models.resuming``)."""
        counts = torch.tensor([self._steps, *astuple(self.whole)], dtype=torch.float64)
        ranker = self._ranker.memory() if self._ranker and self.levels.refresh_every else {}
        return {"counts": counts} | {f"ranker.{name}": value for name, value in ranker.items()}

    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        steps, *tally = memory["counts"].tolist()
        self._steps, self.whole = int(steps), Tally(*tally)
        if self._ranker and (learned := under(memory, "ranker.")):
            self._ranker.recall(learned)

    def measures(self) -> dict[str, float]:
        """Rate of the filter and share of words in common, since it was asked last."""
        told, self._recent = self._recent.measures(), Tally()
        rate = self.whole.measures().get("filter_rate", 0.0)
        if rate > WARNED_RATE and not self._warned:
            self._warned = True
            log.warning(
                "filter: %.0f %% of the negatives so far are left out as false; expected %.0f %% at most. "
                "The ranker may be too weak for these judgements: see its gate, or train without the filter.",
                100 * rate,
                100 * WARNED_RATE,
            )
        return told

    def _ranked(self, lists: list[list[Pair]], labels: Tensor | None) -> Tensor | None:
        """Scores of the ranker as it is now: a frozen one's are stored."""
        if not self.levels.scores:
            return None
        if self._ranker is None or self.levels.refresh_every is None:
            return labels
        asked = self._ranker.scores([pair for row in lists for pair in row])
        return self.levels.ranker_factor * asked.view(len(lists), -1)

    def _by_scores(self, scores: Tensor, ranked: Tensor | None, repeats: Tensor) -> dict[str, Tensor]:
        levels, left_out = self.levels, repeats
        if ranked is not None and levels.filtered:
            false = false_negatives(ranked) & ~repeats
            left_out = repeats | false
            for tally in (self.whole, self._recent):
                tally.negatives += int((~repeats[:, 1:]).sum())
                tally.false += int(false.sum())
        terms = {"contrastive": filtered_infonce(scores, left_out)}
        if ranked is not None and levels.sentence:
            # Not filtered: that a negative is a good passage after all is what its score tells.
            divergence = sentence_kl(scores, ranked, repeats, levels.temperature)
            terms["sentence"] = levels.sentence * divergence
        return terms

    def _by_words(self, ranker: Ranker, pairs: list[Pair], towers: Towers) -> dict[str, Tensor]:
        reading = ranker.read(pairs)
        query, passage = sides(towers, reading)
        for tally in (self.whole, self._recent):
            tally.word_share += (query.words.share + passage.words.share) / 2
            tally.readings += 1
        terms: dict[str, Tensor] = {}
        # In full precision: differences of maps are small, and so is the work.
        with torch.autocast(towers.query_states.device.type, enabled=False):
            if self.levels.attention:
                match = attention_level(query, passage, reading, self.levels.direction)
                terms["word_attention"] = self.levels.attention * match
            if self.levels.hidden:
                match = hidden_level(query, passage, reading, self.projection)
                terms["word_hidden"] = self.levels.hidden * match
        return terms

    def _refresh(self, lists: list[list[Pair]], repeats: Tensor) -> None:
        every = self.levels.refresh_every
        if self._ranker and every and self._steps % every == 0:
            for _ in range(self.levels.refresh_steps):
                self._ranker.learn(lists, repeats)

    def _places(self, texts: list[str], tokens: dict[str, Any]) -> Tensor:
        ids = tokens["input_ids"]
        return places_of(self._tokenizer, texts, ids.shape[1]).to(ids.device)


def _tokens(column: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in column.items() if name != "texts"}


def _repeats(lists: list[list[Pair]]) -> Bool[Tensor, "query candidate"]:
    """Passages that stand in their list before: a list that is too short repeats some."""
    return torch.tensor([[pair in row[:place] for place, pair in enumerate(row)] for row in lists])


def _width(model: Any) -> int:  # noqa: ANN401  (SentenceTransformer)
    return int(model.transformers_model.config.hidden_size)
