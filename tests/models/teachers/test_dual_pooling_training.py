import numpy as np
import polars as pl
import pytest
import torch

from models.batches import ListSettings, draw_lists
from models.degeneration import degeneration
from models.encoders.dual_pooling import DualPooling, PairReader
from models.teachers.dual_pooling_training import DualPoolingTraining, check, some_texts
from models.training import TrainingConfig

LISTS = ListSettings(negatives=3, generated_share=0.0)
TWENTY = TrainingConfig(
    epochs=60, max_steps=20, batch_size=4, learning_rate=3e-3, warmup_share=0.0, precision="float32"
)


def train(lesson, backbone, folder, **changes):
    config = DualPoolingTraining(**{"lists": LISTS, "training": TWENTY} | changes)
    how = {"max_tokens": 32, "template": "{title} {text}", "folder": folder}
    curve, facts = config.train(backbone, lesson, **how)
    return pl.DataFrame(curve), facts


def constant_passages(self, features, **_):
    """A body whose second vector is the same for all pairs, and whose first tells the passage alone."""
    tokens, mask = features["input_ids"], features["attention_mask"].bool()
    second = ((tokens == self.separator) & mask).cumsum(1) > 0
    told = torch.where(second & mask, tokens, 0).sum(1, keepdim=True).float().expand(-1, self.width)
    features["sentence_embedding"] = torch.cat([told, torch.ones_like(told)], dim=1)
    return features


@pytest.fixture
def lists(make_lesson):
    return draw_lists(make_lesson(answers=None), LISTS, TWENTY, "{title} {text}")


def test_the_check_is_that_of_every_query_with_every_answer(tiny_backbone, lists):
    dual = DualPooling(tiny_backbone, 32)
    queries, passages = some_texts(lists)
    assert len(queries) == len(passages) == 4
    reader = PairReader(dual, "float32", 32, None)
    grid = [reader.embed_pairs([query] * len(passages), passages) for query in queries]
    of_queries, of_passages = (np.stack([row[side] for row in grid]) for side in (0, 1))
    facts = check(dual, lists, 32)
    # Variances by their definition, summed over dimensions.
    within, between = of_queries.var(axis=1).sum(-1).mean(), of_queries.mean(axis=1).var(axis=0).sum()
    assert facts["query_from_other"] == pytest.approx(within / (within + between), abs=1e-3)
    swapped = degeneration(of_passages.swapaxes(0, 1))
    assert facts["passage_from_other"] == pytest.approx(swapped.from_other, abs=1e-3)
    assert facts["passage_spread"] == pytest.approx(swapped.spread, abs=1e-3)


def test_a_degenerate_body_is_told(tiny_backbone, lists, monkeypatch):
    monkeypatch.setattr("models.encoders.dual_pooling.SegmentPooling.forward", constant_passages)
    facts = check(DualPooling(tiny_backbone, 32), lists, 32)
    assert (facts["query_from_other"], facts["passage_from_other"]) == (1.0, 1.0)
    assert facts["passage_spread"] == 0.0


def test_the_terms_are_in_the_curve_and_the_check_among_the_facts(tiny_backbone, make_lesson, tmp_path):
    curve, facts = train(make_lesson(answers=None), tiny_backbone, tmp_path)
    assert {"list_loss", "reconstruction"} <= set(curve["measure"])
    assert {"query_from_other", "query_spread", "passage_from_other", "passage_spread"} <= set(facts)


def test_the_term_is_left_out_without_a_weight(tiny_backbone, make_lesson, tmp_path):
    curve, _ = train(make_lesson(answers=None), tiny_backbone, tmp_path, reconstruction_weight=0.0)
    assert "reconstruction" not in set(curve["measure"])


def test_the_same_seed_gives_the_same_weights(tiny_backbone, make_lesson, tmp_path):
    found = []
    for name, seed in (("first", 1), ("second", 1), ("other", 2)):
        train(make_lesson(seed, answers=None), tiny_backbone, tmp_path / name, seed=seed)
        found.append(list(DualPooling(tmp_path / name, 32).model.state_dict().values()))
    assert all(map(torch.equal, found[0], found[1]))
    assert not all(map(torch.equal, found[0], found[2]))
