"""A causal language model as a teacher: asked whether the passage answers, how sure is it of yes.

    t(q, p) = logit(yes) - logit(no)         at the last position of the prompt

That is the log-odds of yes, if only yes and no are possible: raw, on the scale of logits, and 0 where it
does not know. Any model with a head for the next word will do; the prompt and the two words are the
model's own. For Qwen3-Reranker, take the template of its model card as the prompt, word for word, and the
words without a space before them.
Sources: Nogueira et al. 2020, https://arxiv.org/abs/2003.06713 (two words as the answer);
https://arxiv.org/abs/2506.05176 (Qwen3-Reranker).
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveInt

from data.errors import ModelUnavailable
from models.hardware import Precision, device, resolve_precision
from models.scales import ScaleName
from models.settings import runtime
from models.teacher import TeacherConfig
from models.weights import ModelName, fetch

if TYPE_CHECKING:
    from models.teachers.yes_no import LlmRerankerTeacher

PROMPT = (
    "Query: {query}\nPassage: {passage}\nDoes the passage answer the query? Answer with yes or no.\nAnswer:"
)


def _both_once(prompt: str) -> str:
    counts = [prompt.count(field) for field in ("{query}", "{passage}")]
    if counts != [1, 1]:
        msg = f"found {{query}} {counts[0]} times and {{passage}} {counts[1]} times; expected each once"
        raise ValueError(msg)
    return prompt


class LlmRerankerConfig(TeacherConfig):
    """A causal language model, what it is asked, and which two words answer."""

    kind: Literal["llm_reranker"] = "llm_reranker"
    model: ModelName = Field(description="A causal language model of transformers.")
    prompt: Annotated[str, AfterValidator(_both_once)] = Field(
        default=PROMPT,
        description="What is asked, with {query} and {passage}; other braces stay as they are.",
    )
    yes: str = Field(default=" yes", description="One token that says that the passage answers.")
    no: str = Field(default=" no", description="One token that says that it does not.")
    precision: Precision = Field(default="auto", description="bfloat16 where the hardware has it.")
    max_tokens: PositiveInt = Field(
        default=512, description="Of the whole prompt; longer passages are cut, the rest never."
    )
    batch_tokens: PositiveInt | None = runtime(None, "Tokens at once; None: what suits the device.")

    @property
    def scored_by(self) -> tuple[str, ...]:
        """What asks the model."""
        return ("models.teachers.yes_no",)

    @property
    def scale(self) -> ScaleName:
        """Log-odds."""
        return "logit"

    def load(
        self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]
    ) -> "LlmRerankerTeacher":
        """Load model and tokenizer.

        Raises:
            ModelUnavailable: the model is not to be had, or does not write the next word.
            ConfigError: yes or no is not one token, or a query leaves no room for a passage.
        """
        del weights  # It is given, never trained here.
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from models.teachers.yes_no import LlmRerankerTeacher, Prompts, one_token

        folder = fetch(self.model)
        check_writes(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        answers = one_token(tokenizer, self.yes, "yes"), one_token(tokenizer, self.no, "no")
        precision = resolve_precision(self.precision)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=getattr(torch, precision)
        )
        limit = min(self.max_tokens, getattr(model.config, "max_position_embeddings", self.max_tokens))
        prompts = Prompts(tokenizer, re.split(r"(\{query\}|\{passage\})", self.prompt), limit)
        prompts.check_room(queries)
        return LlmRerankerTeacher(
            model.to(device()).eval(), prompts, answers, queries, passages, batch_tokens=self.batch_tokens
        )


def check_writes(folder: Path) -> None:
    """Refuse a checkpoint without a head for the next word: libraries would invent one at random.

    Raises:
        ModelUnavailable: there is no such head.
    """
    path = folder / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    made_for = ", ".join(settings.get("architectures") or ["nothing named"])
    if not re.search(r"ForCausalLM|LMHeadModel", made_for):
        raise ModelUnavailable(
            where=f"llm_reranker {folder}",
            found=f"a checkpoint of {made_for}",
            expected="a causal language model, such as Qwen3ForCausalLM",
            advice="Name a generative model; a model with one label is a teacher of kind cross_encoder.",
        )
