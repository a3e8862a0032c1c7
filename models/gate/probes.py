"""What only the teacher itself can tell: how it counts tokens, what it says in float32, what its file lacks.

Each kind of teacher answers in its own way or not at all; one that cannot be asked is skipped, with the
reason, and never passed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.gate.bias import truncated
from models.gate.new_head import new_head, new_parameters
from models.gate.verdicts import Finding
from models.hardware import resolve_precision
from models.teacher import Teacher, TeacherConfig
from models.teachers.cross_encoder import CrossEncoderConfig, CrossEncoderTeacher
from models.teachers.dual_encoder import DualEncoderConfig, DualEncoderTeacher
from models.teachers.dual_pooling import DualPoolingConfig, DualPoolingTeacher
from models.teachers.llm_reranker import LlmRerankerConfig
from models.weights import fetch


def truncation(teacher: Teacher, queries: Sequence[str], passages: Sequence[str]) -> Finding:
    """The share of pairs that the teacher cuts: of a dual encoder, the share of passages."""
    if isinstance(teacher, CrossEncoderTeacher | DualPoolingTeacher):
        model: Any = teacher.inference.model
        limit = _limit(teacher.max_tokens, model.max_seq_length)
        return truncated(_tokens(model.tokenizer, list(queries), list(passages)), limit)
    if isinstance(teacher, DualEncoderTeacher):
        model, form = teacher.encoder.model, teacher.encoder.passage
        limit = _limit(form.max_tokens, model.max_seq_length)
        if limit:
            return truncated(_tokens(model.tokenizer, [form.prompt + text for text in passages]), limit)
    from models.teachers.yes_no import LlmRerankerTeacher

    if isinstance(teacher, LlmRerankerTeacher):
        prompts = teacher.prompts
        lengths = [len(prompts.whole(*pair)) for pair in zip(queries, passages, strict=True)]
        return truncated(lengths, prompts.limit)
    return Finding(None, "it does not truncate")


def _limit(*limits: int | None) -> int:
    """The lowest of the limits that there are; 0 without any."""
    return min(filter(None, limits), default=0)


def _tokens(tokenizer: Any, *texts: list[str]) -> list[int]:  # noqa: ANN401  (a tokenizer of transformers)
    if not texts[0]:
        return []
    return [len(ids) for ids in tokenizer(*texts, truncation=False, verbose=False)["input_ids"]]


def in_float32(config: TeacherConfig) -> TeacherConfig | Finding:
    """The same teacher in float32, or why that would tell nothing."""
    match config:
        case CrossEncoderConfig() | DualPoolingConfig():
            given = config.precision
            twin: TeacherConfig = config.model_copy(update={"precision": "float32"})
        case LlmRerankerConfig():
            given = config.precision
            twin = config.model_copy(update={"precision": "float32"})
        case DualEncoderConfig():
            given = config.encoder.precision
            encoder = config.encoder.model_copy(update={"precision": "float32"})
            twin = config.model_copy(update={"encoder": encoder})
        case _:
            return Finding(None, "it has no precision to choose")
    if resolve_precision(given) == "float32":
        return Finding(None, "its answers are in float32 already")
    return twin


def newly_made(config: TeacherConfig, weights: Path | None) -> Finding:
    """The finding ``new_parameters`` of a teacher with a head."""
    if not isinstance(config, CrossEncoderConfig):
        return Finding(None, "it has no head")
    return new_parameters(new_head(weights or fetch(config.model)))


def untrained(teacher: Teacher, queries: Sequence[str], passages: Sequence[str]) -> Finding:
    """The finding ``untrained_head`` of a teacher with a head, by some pairs of texts."""
    if not isinstance(teacher, CrossEncoderTeacher):
        return Finding(None, "it has no head")
    from models.gate.untrained_head import untrained_head

    pairs = list(zip(queries, passages, strict=True))
    return untrained_head(teacher.inference.model, pairs, teacher.max_tokens)
