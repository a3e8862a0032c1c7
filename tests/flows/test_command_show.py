import argparse

import pytest

from data.errors import ConfigError
from data.identity import canonical
from data.manifests import Manifest, Recipe
from data.schemas import PASSAGES
from flows import command_show
from flows.records import RecordRow, write_record
from models.student import Shelf
from models.students.bi_encoder import BiEncoderConfig
from models.students.splade import SpladeConfig


def show(store, *arguments):
    parser = argparse.ArgumentParser()
    command_show.add(parser)
    command_show.run(parser.parse_args(["tiny", *arguments]), store)


def publish(store, stage, of, config, fill):
    recipe = Recipe(stage=stage, config=config, inputs={}, code={})
    with store.drafting(stage, recipe.key) as draft:
        fill(draft)
        told = {"facts": {}, "seconds": 0, "finished_at": "", "machine": {}}
        manifest = Manifest(stage=stage, of=of, key=recipe.key, recipe=recipe, parts=draft.parts(), **told)
        store.publish(draft, manifest)
    return RecordRow(stage, of, recipe.key)


@pytest.fixture
def finished(store, tiny_collection, tiny_backbone):
    """Record a run of the named students, untrained; "dense" is a bi-encoder."""
    students = {}

    def record(*names):
        passages = tiny_collection["passages"]
        rows = [publish(store, "ingest", "tiny", {}, lambda draft: draft.write(passages, PASSAGES))]
        for name in names:
            kind = BiEncoderConfig if name == "dense" else SpladeConfig
            config = kind(name=name, backbone=str(tiny_backbone), training={"precision": "float32"})
            students[name] = config.build(0)
            for seed in (0, 1):
                told = {"student": canonical(config, store.digests) | {"of": name}, "seed": seed}
                rows.append(
                    publish(
                        store,
                        "train_student",
                        f"{name}/{seed}",
                        told,
                        lambda draft, name=name: students[name].save(draft.folder("model")),
                    )
                )
        write_record(store, "tiny", rows)
        return students

    return record


def test_terms_are_those_of_the_index_the_heaviest_first(finished, store, tiny_collection, capsys):
    student = finished("dense", "sparse")["sparse"]
    show(store, "terms", "--passage", "gold-1")
    title, *lines = capsys.readouterr().out.splitlines()
    row = tiny_collection["passages"]["pid"].to_pylist().index("gold-1")
    text = Shelf(tiny_collection["passages"]).texts(student.config.template)[row]
    expected = student.encoder().terms_of(text)
    assert title == f"sparse/0: {len(expected)} terms of gold-1"
    assert [line.split() for line in lines] == [[f"{weight:.4f}", term] for term, weight in expected]
    assert expected[0][1] == max(weight for _, weight in expected)


def test_head_and_student_are_chosen(finished, store, capsys):
    finished("one", "other")
    show(store, "terms", "--passage", "gold-1", "--student", "other/1", "--head", "3")
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("other/1: ")
    assert len(lines) == 3
    with pytest.raises(
        ConfigError,
        match=r"run 'tiny': found 4 splade students; those trained are one/0 \(splade\), .*; expected one of "
        r"one/0, one/1, other/0, other/1. Choose with --student",
    ):
        show(store, "terms", "--passage", "gold-1")


def test_a_run_without_such_a_student_says_which_there_are(finished, store):
    finished("dense")
    with pytest.raises(
        ConfigError,
        match=r"found 0 splade students; those trained are dense/0 \(bi-encoder\), dense/1 \(bi-encoder\); "
        r"expected a student of the kind splade. Add \[\[students\]\] with kind = \"splade\"",
    ):
        show(store, "terms", "--passage", "gold-1")


@pytest.mark.parametrize(("arguments", "found"), [(["--passage", "gold-9"], "'gold-9'"), ([], "none")])
def test_an_unknown_passage_is_refused_with_some_that_are_there(arguments, found, finished, store):
    finished("sparse")
    with pytest.raises(
        ConfigError,
        match=rf"--passage: found {found}; expected the pid of a passage, such as bach-1, bach-2, danube-1. "
        "See distill show tiny passages",
    ):
        show(store, "terms", *arguments)


def test_a_table_is_shown_by_its_head(finished, store, capsys):
    finished()
    show(store, "passages", "--head", "3")
    assert "shape: (3, 3)" in capsys.readouterr().out
    show(store, "passages")
    assert "shape: (10, 3)" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="table 'run': found no such table"):
        show(store, "run")
