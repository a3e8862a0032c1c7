from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError
from models.encoders.asymmetric import TwoTowers
from models.encoders.text_encoder import EncoderConfig
from models.teacher_vectors import (
    PairEncoder,
    check_inherited,
    difference,
    open_teacher,
    stored_vectors,
    texts_of,
)
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.dual_encoder import DualEncoderConfig
from models.teachers.dual_pooling import DualPoolingConfig


@pytest.fixture
def lesson(make_lesson, tiny_backbone):
    encoder = EncoderConfig(model=str(tiny_backbone), precision="float32", max_tokens=32)
    made = replace(make_lesson(), teacher=DualEncoderConfig(name="t", encoder=encoder, template="{text}"))
    pids = made.passages.select("pid").collect()["pid"]
    vectors = open_teacher(made, "symmetric").encode_passages(texts_of(made, pids))
    schema = {"pid": pl.String, "vector": pl.Array(pl.Float32, 32)}
    return replace(made, embeddings=pl.LazyFrame({"pid": pids, "vector": vectors}, schema=schema))


def moved(lesson, by):
    table = lesson.embeddings.collect()
    changed = table["vector"].to_numpy().copy()
    changed[:, 0] += by
    schema = {"pid": pl.String, "vector": pl.Array(pl.Float32, 32)}
    return replace(lesson, embeddings=pl.LazyFrame({"pid": table["pid"], "vector": changed}, schema=schema))


def test_a_dual_encoder_is_opened_as_both_towers_and_a_reader_of_pairs_as_itself(lesson, tiny_backbone):
    towers = open_teacher(lesson, "asymmetric")
    assert isinstance(towers, TwoTowers)
    assert towers.queries is towers.passages
    reader = DualPoolingConfig(name="d", model=str(tiny_backbone), precision="float32")
    given = replace(lesson, teacher=reader, teacher_weights=tiny_backbone)
    assert isinstance(open_teacher(given, "pair_targets"), PairEncoder)
    with pytest.raises(ConfigError, match=r"teachers\.d: found a PairReader for a student of the mode 'symm"):
        open_teacher(given, "symmetric")


def test_a_cross_encoder_with_a_head_has_no_vectors(lesson, tiny_ranker_folder):
    ranker = CrossEncoderConfig(name="ce", model=str(tiny_ranker_folder))
    with pytest.raises(ConfigError, match=r"teachers\.ce: found a CrossEncoder .* kind \"dual_encoder\""):
        open_teacher(replace(lesson, teacher=ranker), "asymmetric")


def test_texts_are_in_the_asked_order_and_in_the_teachers_template(lesson):
    assert texts_of(lesson, pl.Series(["iron-2", "gold-1"])) == [
        "Iron rails carry trains.",
        "Gold is a yellow metal that never rusts.",
    ]


def test_stored_vectors_are_in_the_asked_order(lesson):
    table = lesson.embeddings.collect()
    found = stored_vectors(lesson, table["pid"].reverse())
    assert np.array_equal(found, table["vector"].to_numpy()[::-1])


def test_the_difference_is_the_largest_distance_as_a_share_of_a_length(lesson):
    towers = open_teacher(lesson, "asymmetric")
    assert difference(lesson, towers) == pytest.approx(0, abs=1e-6)
    # Unit vectors of which one coordinate is moved by 0.25.
    assert difference(moved(lesson, 0.25), towers) == pytest.approx(0.25, abs=1e-5)


def test_what_rounding_explains_is_inherited_and_more_is_not(lesson):
    towers = open_teacher(lesson, "asymmetric")
    check_inherited(moved(lesson, 0.01), towers)
    with pytest.raises(ConfigError, match=r"embed\.encoder: found vectors .* of the teacher 't' by 0\.1"):
        check_inherited(moved(lesson, 0.1), towers)
