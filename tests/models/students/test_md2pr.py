import subprocess
import sys
from dataclasses import replace

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from data.errors import ConfigError, InputError
from data.schemas import PASSAGES
from data.tables import from_rows
from models.batches import ListSettings
from models.student import Need, Shelf
from models.students.md2pr import Md2prConfig, labelled
from models.targets import Factor, MinMax
from models.teacher import PairTexts
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.reading import open_ranker
from models.training import TrainingConfig

SHORT = TrainingConfig(max_steps=4, epochs=4, batch_size=2, precision="float32", learning_rate=3e-3)
LEVELS = {
    "none": {"sentence": 0, "attention": 0, "hidden": 0},
    "sentence": {"sentence": 1, "attention": 0, "hidden": 0},
    "word-attention": {"sentence": 0, "attention": 1, "hidden": 0},
    "word-hidden": {"sentence": 0, "attention": 0, "hidden": 1},
    "all": {"sentence": 1, "attention": 1, "hidden": 1},
}
ALL = LEVELS["all"]


@pytest.fixture
def config(tiny_backbone):
    def make(**settings):
        return Md2prConfig(name="m", backbone=str(tiny_backbone), **{"training": SHORT} | settings)

    return make


@pytest.fixture
def lesson(make_lesson, tiny_ranker_folder):
    """A lesson whose teacher is the tiny ranker, and whose answers are made of words."""
    teacher = CrossEncoderConfig(name="r", model=str(tiny_ranker_folder))

    def make(seed=0, **changes):
        return replace(make_lesson(seed, **changes), teacher=teacher)

    return make


def values(curve, measure):
    return pl.DataFrame(curve).filter(measure=measure).sort("step")["value"].to_list()


@pytest.mark.parametrize("is_filtered", [False, True])
@pytest.mark.parametrize("level", LEVELS)
def test_every_combination_of_levels_and_filter_learns_its_terms(config, lesson, level, is_filtered):
    chosen = config(filter=is_filtered, **LEVELS[level])
    answers = {} if Need.ANSWERS in chosen.needs else {"answers": None}
    taught = lesson(**answers)
    student = chosen.build(0)
    curve = student.train(taught if Need.TEACHER in chosen.needs else replace(taught, teacher=None))
    terms = {"sentence": "sentence", "attention": "word_attention", "hidden": "word_hidden"}
    expected = {"contrastive"} | {term for name, term in terms.items() if LEVELS[level][name]}
    found = set(pl.DataFrame(curve)["measure"])
    assert found & {"contrastive", *terms.values()} == expected
    assert ("filter_rate" in found) == is_filtered == ("filter_rate" in student.facts)
    assert ("words_aligned" in student.facts) == chosen.needs.issuperset({Need.TEACHER})
    total = [sum(parts) for parts in zip(*(values(curve, term) for term in expected), strict=True)]
    assert values(curve, "loss") == pytest.approx(total, abs=1e-3)


def test_what_is_asked_for_follows_from_what_counts(config):
    assert config(filter=False, **LEVELS["none"]).needs == frozenset()
    assert config(filter=True, **LEVELS["none"]).needs == {Need.ANSWERS}
    assert config(filter=False, **LEVELS["sentence"]).needs == {Need.ANSWERS}
    assert config(filter=False, **LEVELS["word-hidden"]).needs == {Need.TEACHER}
    assert config(**ALL).needs == {Need.ANSWERS, Need.TEACHER}
    # A ranker that moves scores the lists itself.
    assert config(**ALL, refresh_every=5).needs == {Need.TEACHER}


def test_only_terms_that_read_scores_take_the_teachers_scale(config):
    assert config(filter=False, **LEVELS["word-attention"]).takes == ()
    assert [loss for loss, _ in config(**ALL).takes] == ["filtered_infonce", "kl"]


def test_the_facts_tell_the_rate_of_the_filter(config, lesson):
    # q01's answer is scored below all others, so that it loses all its negatives; nobody else loses any.
    taught = lesson()
    answers = taught.answers.with_columns(
        score=pl.when((pl.col("qid") == "q01") & (pl.col("pid") == "rhine-1"))
        .then(-9.0)
        .otherwise(pl.col("score"))
        .cast(pl.Float32)
    )
    one_epoch = TrainingConfig(epochs=1, batch_size=2, precision="float32")
    student = config(**LEVELS["sentence"], training=one_epoch, lists=ListSettings(negatives=3)).build(0)
    student.train(lesson(answers=answers.collect()))
    assert student.facts["filter_rate"] == pytest.approx(1 / 4)  # of four queries


def test_a_frozen_rankers_lists_get_targets_and_a_control_sees_none(config):
    rows = pl.DataFrame({"query_id": ["q"], "document_ids": [["a", "b"]], "label": [[4.0, 1.0]]})
    scaled = config(**LEVELS["sentence"], targets=Factor(by=0.5))
    assert labelled(scaled, rows)["label"].to_list() == [[2.0, 0.5]]
    assert "label" not in labelled(config(filter=False, **LEVELS["none"]), rows).columns
    assert "label" not in labelled(config(**ALL, refresh_every=1), rows).columns


def test_levels_change_what_is_learned_from_the_same_lists(config, lesson):
    learned = []
    one_step = TrainingConfig(max_steps=1, batch_size=2, precision="float32", warmup_share=0.0)
    for level in LEVELS.values():
        student = config(filter=False, training=one_step, **level).build(0)
        student.train(lesson())
        learned.append(torch.cat([each.detach().flatten() for each in student.model.parameters()]))
    for place, first in enumerate(learned):
        assert not any(torch.equal(first, other) for other in learned[place + 1 :])


def test_the_same_seed_gives_identical_weights_with_every_level_and_a_ranker_that_learns(config, lesson):
    learned = []
    for _ in range(2):
        student = config(**ALL, refresh_every=2, refresh_learning_rate=1e-3).build(0)
        student.train(lesson(1, answers=None))
        learned.append(list(student.model.parameters()))
    assert all(map(torch.equal, *learned))


def test_a_ranker_that_learns_changes_the_filter(config, lesson):
    rates = []
    for every in (None, 1):
        training = TrainingConfig(epochs=12, batch_size=4, precision="float32")
        settings = (
            {"refresh_every": every, "refresh_steps": 3, "refresh_learning_rate": 3e-3} if every else {}
        )
        chosen = config(**LEVELS["none"], filter=True, training=training, **settings)
        taught = lesson(answers=None) if every else _answered_by_the_ranker(lesson())
        curve = chosen.build(0).train(taught)
        rates.append(values(curve, "filter_rate"))
    frozen, moving = rates
    assert frozen[0] == moving[0] > 0  # before its first lesson it is the same ranker
    assert moving[-1] == 0 < frozen[-1]


def _answered_by_the_ranker(lesson):
    """The lesson with the tiny ranker's own scores as its answers."""
    tables = [each.collect() for each in (lesson.answers, lesson.queries, lesson.passages)]
    answers, queries, passages = tables
    pairs = answers.join(queries, on="qid").join(passages, on="pid", suffix="_passage")
    texts = pairs.select("text", pl.col("title") + " " + pl.col("text_passage")).rows()
    ranker = open_ranker(lesson, student="m", template="{title} {text}", learning_rate=1e-5)
    scores = pl.Series("score", ranker.scores(texts).numpy())
    return replace(lesson, answers=pairs.select("qid", "pid", "teacher").with_columns(scores).lazy())


def test_a_teacher_that_cannot_be_looked_into_is_refused(config, make_lesson):
    with pytest.raises(ConfigError, match="expected a cross_encoder"):
        config(**ALL).build(0).train(make_lesson())


def test_transforms_of_whole_lists_are_refused_for_a_ranker_that_moves(config):
    with pytest.raises(ValidationError, match=r"'min_max' with refresh_every; expected identity or factor"):
        config(**ALL, refresh_every=2, targets=MinMax())


def test_a_ranker_that_nobody_reads_is_not_refreshed(config):
    with pytest.raises(ValidationError, match="no term that reads the ranker"):
        config(**LEVELS["none"], filter=False, refresh_every=2)


def test_layers_are_cut_and_unknown_ones_refused(config):
    assert config(layers=(1,)).build(0).model.transformers_model.config.num_hidden_layers == 1
    with pytest.raises(InputError, match="the model has 2 layers"):
        config(layers=(5,)).build(0)


def test_the_saved_folder_scores_as_the_student_in_a_fresh_process(config, lesson, tmp_path):
    student = config(**ALL, query_max_tokens=4).build(0)
    student.train(lesson())
    student.save(tmp_path / "model")
    passages, query = ["gold is a yellow metal", "iron rusts"], "yellow metal that never rusts"
    shelf = Shelf(from_rows([("1", "", passages[0]), ("2", "", passages[1])], PASSAGES))
    retriever = student.retriever(shelf)
    hits = retriever.search(retriever.encode([query]), 2)
    code = (
        "from sentence_transformers import SentenceTransformer\n"
        f"model = SentenceTransformer({str(tmp_path / 'model')!r}, device='cpu')\n"
        f"vectors = model.encode_query([{query!r}]), model.encode_document({passages!r})\n"
        "scores = model.similarity(*vectors)[0]\n"
        "print(model.similarity_fn_name, *scores.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    name, *scores = done.stdout.split()
    assert name == "cosine"
    assert hits.scores[0].tolist() == pytest.approx([float(scores[row]) for row in hits.rows[0]], abs=1e-6)


def test_it_may_teach_in_its_turn(config, tmp_path):
    chosen = config()
    chosen.build(0).save(tmp_path / "model")
    texts = PairTexts(["yellow metal"], ["gold is a yellow metal", "bach"])
    teacher = chosen.as_teacher(tmp_path / "model", texts)
    rows = torch.tensor([0, 0]).numpy(), torch.tensor([0, 1]).numpy()
    assert teacher.score(*rows).shape == (2,)
    assert chosen.scale == "cosine"
