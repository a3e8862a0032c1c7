"""Self-distillation: a deep late-interaction model teaches a shallow one, score by score and token by token.

    L = L_score + λ · 1/n · Σ_i ‖ P e_i - e'_i ‖

Both read the same tokens, so that beside each vector of the student there is one of the teacher's.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from sentence_transformers import MultiVectorEncoder
from torch import Tensor, nn

from data.errors import ConfigError
from models.losses.token_matching import token_matching
from models.repeats import Features
from models.student import Lesson
from models.token_repeats import EncodedTexts, EncodeTokensOnce, pick

Loss = dict[str, Tensor]


class SelfDistillation(nn.Module):
    """A loss of scores, and beside it the distance of the student's tokens from a deeper model's.

    All queries of a step are matched, and some of its passages, drawn anew for each step.
    """

    def __init__(  # noqa: PLR0913  (two models, a loss, and three numbers)
        self,
        loss: nn.Module,
        encoder: EncodeTokensOnce,
        teacher: MultiVectorEncoder,
        *,
        weight: float,
        passages: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.encoder = encoder
        self.weight = weight
        self.passages = passages
        # In a tuple it is no part of this module, whose parts are trained.
        self._teacher = (teacher.eval().requires_grad_(requires_grad=False),)
        self._draw = torch.Generator().manual_seed(seed)
        self.projection = _projection(encoder.model, teacher, seed)

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Loss:
        """Give both parts; the trainer adds them up."""
        with self.encoder.recording() as texts:
            score = self.loss(sentence_features, labels)
        queries = [each for each in texts if each.task == "query"]
        passages = self._some([each for each in texts if each.task != "query"])
        own, theirs = zip(*map(self._tokens, queries + passages), strict=True)
        return {
            "score": score,
            "token_matching": self.weight * token_matching(torch.cat(own), torch.cat(theirs)),
        }

    def memory(self) -> dict[str, Tensor]:
        """What was drawn (``models.resuming``)."""
        return {"draw": self._draw.get_state()}

    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Draw on."""
        self._draw.set_state(memory["draw"])

    def _some(self, passages: list[EncodedTexts]) -> list[EncodedTexts]:
        sizes = [len(each.is_scored) for each in passages]
        chosen = torch.randperm(sum(sizes), generator=self._draw)[: self.passages].sort().values
        parts: list[EncodedTexts] = []
        start = 0
        for each, size in zip(passages, sizes, strict=True):
            rows = chosen[(chosen >= start) & (chosen < start + size)] - start
            if len(rows):
                parts.append(pick(each, rows.to(each.is_scored.device)))
            start += size
        return parts

    def _tokens(self, texts: EncodedTexts) -> tuple[Tensor, Tensor]:
        """Vectors [token, dim] of the tokens that both models score: the student's, projected, and theirs."""
        with torch.no_grad():
            # The teacher writes into what it is given.
            output = self._teacher[0](dict(texts.features), task=texts.task)
        is_scored = texts.is_scored & output["attention_mask"].bool()
        with torch.autocast(texts.vectors.device.type, enabled=False):
            own = self.projection(texts.vectors[is_scored])
        return own, output["token_embeddings"][is_scored].float()


def _projection(student: MultiVectorEncoder, teacher: MultiVectorEncoder, seed: int) -> nn.Module:
    """The map from the student's width to the teacher's: nothing where they are equal."""
    widths = student.get_embedding_dimension(), teacher.get_embedding_dimension()
    if widths[0] == widths[1]:
        return nn.Identity()
    linear = nn.Linear(int(widths[0] or 0), int(widths[1] or 0), bias=False)
    nn.init.orthogonal_(linear.weight, generator=torch.Generator().manual_seed(seed))
    return linear


def open_deep_model(lesson: Lesson) -> MultiVectorEncoder:
    """Open the model of a teacher that is a late-interaction student.

    Raises:
        ConfigError: it is another kind of teacher.
    """
    found = lesson.teacher.model_of(lesson.teacher_weights) if lesson.teacher else None
    model = getattr(found, "model", None)
    if not isinstance(model, MultiVectorEncoder):
        raise ConfigError(
            where="students.colbert",
            found=f"the teacher {lesson.teacher.name if lesson.teacher else 'none'}, "
            f"which opens as {type(found).__name__}",
            expected="a teacher of the kind student whose student is of the kind colbert",
            advice="Name one as teacher, or leave token_matching and start_from_teacher out.",
        )
    return model


def check_tokens(student: MultiVectorEncoder, teacher: MultiVectorEncoder, texts: Sequence[str]) -> None:
    """Refuse two models of which one's tokens are not the other's.

    Raises:
        ConfigError: their vocabularies differ, or they cut one of the texts differently.
    """
    vocabularies = [model.tokenizer.get_vocab() for model in (student, teacher)]
    cut = [model.tokenizer(list(texts))["input_ids"] if texts else [] for model in (student, teacher)]
    if vocabularies[0] != vocabularies[1] or cut[0] != cut[1]:
        raise ConfigError(
            where="students.colbert.token_matching",
            found=f"a student with {len(vocabularies[0])} tokens and a teacher with {len(vocabularies[1])}, "
            "which do not cut texts alike",
            expected="one tokenizer",
            advice="Start from a backbone of the teacher's family, set start_from_teacher, or leave "
            "token_matching out.",
        )
