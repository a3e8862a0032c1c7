import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from models.encoders.text_encoder import TextEncoder
from models.student import Need, Shelf
from models.targets import Factor
from models.teacher import PairTexts
from models.teachers.dual_encoder import DualEncoderConfig
from models.teachers.dual_pooling import DualPoolingConfig
from models.texts import passage_texts
from tests.models.students.embed_distill_lessons import (
    LISTS,
    SHORT,
    TEXTS,
    encoder_of,
    settings,
    small,
    table_of,
)


def distances(student, lesson, teacher):
    """Distance of each train query from where its teacher puts it."""
    texts = lesson.queries.filter(split="train").collect()["text"].to_list()
    own, taught = student.encoder().encode_queries(texts), teacher.encoder.load().encode_queries(texts)
    return np.linalg.norm(own - taught, axis=1)


def test_queries_come_to_lie_where_the_teacher_puts_them(lesson, teacher, tiny_backbone, tmp_path):
    matching = settings(score_weight=0.0, backbone=str(small(tmp_path, tiny_backbone, width=32)))
    student = matching.build(0)
    before = distances(student, lesson, teacher).mean()
    curve = pl.DataFrame(student.train(lesson))
    assert distances(student, lesson, teacher).mean() < 0.5 * before
    parts = curve.filter(measure="query_distance")["value"]
    assert parts.to_list() == pytest.approx(curve.filter(measure="loss")["value"].to_list(), abs=1e-4)


def test_an_asymmetric_student_never_encodes_a_passage(
    lesson, teacher, vectors, tiny_collection, monkeypatch
):
    student = settings().build(0)
    real, asked = TextEncoder.encode_passages, []

    def watched(self, texts):
        asked.append(len(texts))
        return real(self, texts)

    monkeypatch.setattr(TextEncoder, "encode_passages", watched)
    student.train(lesson)
    # Only those by which the table is told from another encoder's.
    assert asked == [8]

    def forbidden(self, texts):
        raise AssertionError(texts)

    monkeypatch.setattr(TextEncoder, "encode_passages", forbidden)
    monkeypatch.setattr(student.documents.model, "forward", forbidden)
    retriever = student.retriever(Shelf(tiny_collection["passages"], vectors))
    hits = retriever.search(retriever.encode(TEXTS), 12)
    expected = student.encoder().encode_queries(TEXTS) @ vectors.T
    found = np.take_along_axis(expected, hits.rows, axis=1)
    assert hits.scores == pytest.approx(found, abs=1e-6)


def test_an_asymmetric_student_trains_its_queries_tower_and_nothing_else(lesson):
    student = settings().build(0)
    student.train(lesson)
    teacher = lesson.teacher.encoder.load().model
    inherited = student.documents.model.state_dict()
    assert all(torch.equal(inherited[name], each) for name, each in teacher.state_dict().items())
    assert student.model.transformers_model.config.num_hidden_layers == 1
    trained = dict(student.model.named_parameters())
    moved = [name for name, each in trained.items() if not torch.equal(each, teacher.state_dict()[name])]
    assert any("layer.0.attention" in name for name in moved)
    assert any("word_embeddings" in name for name in moved)


@pytest.mark.parametrize("mode", ["asymmetric", "symmetric"])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_a_narrow_student_gets_a_projection_that_is_saved_and_loads_in_a_fresh_process(
    mode, similarity, lesson, tiny_backbone, tmp_path, vectors, tiny_collection
):
    config = settings(
        mode=mode,
        similarity=similarity,
        backbone=str(small(tmp_path, tiny_backbone)),
        query_max_tokens=4,
        passage_max_tokens=6,
    )
    student = config.build(0)
    student.train(lesson)
    student.save(tmp_path / "model")
    assert student.model.get_embedding_dimension() == 32
    texts = ["where does the rhine rise of the alps", "yellow metal"]
    passages = passage_texts(tiny_collection["passages"])
    script = (
        "import json, sys\n"
        "from sentence_transformers import SentenceTransformer\n"
        "folder, texts, passages = json.loads(sys.argv[1])\n"
        "model = SentenceTransformer(folder, device='cpu', local_files_only=True)\n"
        "found = model.similarity(model.encode_query(texts), model.encode_document(passages))\n"
        "print(json.dumps([found.tolist(), model.similarity_fn_name]))"
    )
    argument = json.dumps([str(tmp_path / "model"), texts, passages])
    done = subprocess.run(
        [sys.executable, "-c", script, argument], capture_output=True, text=True, check=True
    )
    scores, function = json.loads(done.stdout.splitlines()[-1])
    shelf = Shelf(tiny_collection["passages"], vectors)
    retriever = student.retriever(shelf)
    hits = retriever.search(retriever.encode(texts), 12)
    expected = np.take_along_axis(np.array(scores), hits.rows, axis=1)
    assert hits.scores == pytest.approx(expected, abs=1e-5)
    assert function == similarity
    again = config.load(tmp_path / "model").retriever(shelf)
    assert again.search(again.encode(texts), 12).scores.tolist() == hits.scores.tolist()


def test_a_saved_student_scores_pairs_as_a_teacher_with_both_towers(
    lesson, tmp_path, tiny_collection, vectors
):
    config = settings()
    student = config.build(0)
    student.train(lesson)
    student.save(tmp_path / "model")
    texts = PairTexts(TEXTS, passage_texts(tiny_collection["passages"]))
    teacher = config.as_teacher(tmp_path / "model", texts)
    rows = np.array([0, 1, 1]), np.array([3, 0, 7])
    queries = student.encoder().encode_queries(TEXTS)
    assert teacher.score(*rows) == pytest.approx((queries[rows[0]] * vectors[rows[1]]).sum(1), abs=1e-5)
    assert teacher.facts()["engine"] == teacher.facts()["passages_engine"]


def test_a_symmetric_student_takes_vectors_of_passages_from_the_table_or_from_the_teacher(
    lesson, tiny_collection, vectors, tiny_backbone, tmp_path
):
    config = settings(
        mode="symmetric", backbone=str(small(tmp_path, tiny_backbone, width=32)), score_weight=0.0
    )
    curves = []
    for table in (vectors, vectors[::-1].copy()):
        student = config.build(0)
        given = replace(lesson, embeddings=table_of(tiny_collection, table).lazy())
        curves.append(
            pl.DataFrame(student.train(given)).filter(measure="passage_distance")["value"].to_list()
        )
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)
    assert curves[0][-1] < 0.7 * curves[0][0]


def test_generated_queries_are_matched_and_counted(lesson):
    student = settings(score_weight=0.0).build(0)
    student.train(lesson)
    assert (student.facts["queries"], student.facts["queries_generated"]) == (4.0, 2.0)
    student = settings(lists=LISTS.model_copy(update={"generated_share": 0.0})).build(0)
    student.train(lesson)
    assert (student.facts["queries"], student.facts["queries_generated"]) == (2.0, 0.0)


def test_prompts_of_the_teacher_are_kept(lesson, tiny_backbone, tiny_collection, tmp_path):
    prompts = {"query_prompt": "gold ", "passage_prompt": "iron "}
    encoder = encoder_of(tiny_backbone, **prompts)
    made = encoder.load().encode_passages(passage_texts(tiny_collection["passages"]))
    given = replace(
        lesson,
        teacher=DualEncoderConfig(name="prompted", encoder=encoder),
        embeddings=table_of(tiny_collection, made).lazy(),
    )
    student = settings().build(0)
    student.train(given)
    student.save(tmp_path / "model")
    loaded = settings().load(tmp_path / "model").encoder()
    assert (loaded.queries.query.prompt, loaded.passages.passage.prompt) == ("gold ", "iron ")
    assert loaded.encode_passages(passage_texts(tiny_collection["passages"])) == pytest.approx(made, abs=1e-6)


def test_what_it_needs_depends_on_its_terms(tiny_backbone):
    control = settings(
        mode="symmetric", backbone=str(tiny_backbone), label_weight=1.0, score_weight=0.0, match_weight=0.0
    )
    assert control.needs == frozenset()
    assert control.takes == ()
    asymmetric = settings()
    assert asymmetric.needs == {Need.ANSWERS, Need.TEACHER, Need.EMBEDDINGS}
    assert asymmetric.finds_with == {Need.EMBEDDINGS}
    assert asymmetric.takes == (("kl", Factor(by=20.0)),)
    assert settings(score_weight=0.0).needs == {Need.TEACHER, Need.EMBEDDINGS}
    symmetric = settings(mode="symmetric", match_weight=0.0, backbone=str(tiny_backbone))
    assert symmetric.needs == {Need.ANSWERS}
    assert symmetric.finds_with == frozenset()


def test_a_control_learns_from_no_teacher(make_lesson, tiny_backbone):
    control = settings(
        mode="symmetric", backbone=str(tiny_backbone), label_weight=1.0, score_weight=0.0, match_weight=0.0
    )
    curve = pl.DataFrame(control.build(0).train(make_lesson(answers=None)))
    assert set(curve["measure"]) >= {"label_loss"}
    assert not {"score_loss", "query_distance"} & set(curve["measure"])


def test_vectors_of_pairs_are_matched_by_a_dual_encoder(make_lesson, tiny_backbone, tmp_path):
    teacher = DualPoolingConfig(name="dual", model=str(tiny_backbone), precision="float32", max_tokens=32)
    lesson = replace(make_lesson(), teacher=teacher, teacher_weights=tiny_backbone)
    config = settings(
        mode="pair_targets",
        backbone=str(small(tmp_path, tiny_backbone)),
        similarity="dot",
        score_scale=1.0,
        targets=Factor(by=1.0),
        training=SHORT.model_copy(update={"max_steps": 20}),
    )
    assert config.needs == {Need.ANSWERS, Need.TEACHER}
    student = config.build(0)
    curve = pl.DataFrame(student.train(lesson))
    for part in ("query_distance", "passage_distance"):
        values = curve.filter(measure=part)["value"]
        assert values[-1] < 0.8 * values[0]
    assert student.model.get_embedding_dimension() == 32
    # The distance at the end is the one from the vectors of a query and its answer, read together.
    queries, passages = teacher.model_of(tiny_backbone).embed_pairs(
        ["yellow metal"], ["Gold Gold is a yellow metal that never rusts."]
    )
    own = student.encoder()
    near = np.linalg.norm(own.encode_queries(["yellow metal"]) - queries)
    assert near < np.linalg.norm(queries)
    near = np.linalg.norm(own.encode_passages(["Gold Gold is a yellow metal that never rusts."]) - passages)
    assert near < np.linalg.norm(passages)


def test_the_same_seed_gives_identical_weights_also_of_the_projection(lesson, tiny_backbone, tmp_path):
    config = settings(backbone=str(small(tmp_path, tiny_backbone)))
    found = []
    for seed in (1, 1, 2):
        torch.rand(len(found) + 1)  # whatever was drawn before
        student = config.build(seed)
        student.train(replace(lesson, seed=seed))
        found.append(list(student.model.state_dict().values()))
    assert all(map(torch.equal, found[0], found[1]))
    assert not all(map(torch.equal, found[0], found[2]))
