import textwrap

import pytest

from tests.flows.beir_folders import write_beir
from tests.flows.finished_runs import finished_run  # noqa: F401  (fixtures of several files)
from tests.flows.small_runs import small_run  # noqa: F401


@pytest.fixture
def beir_folder(tmp_path, tiny_collection):
    """The twelve passages as a BEIR folder."""
    passages, queries, qrels = (
        tiny_collection[name].to_pylist() for name in ("passages", "queries", "qrels")
    )
    split_of = {q["qid"]: q["split"] for q in queries}
    graded = {
        split: [(r["qid"], r["pid"], r["grade"]) for r in qrels if split_of[r["qid"]] == split]
        for split in ("train", "dev", "test")
    }
    return write_beir(
        tmp_path / "collection",
        [(p["pid"], p["title"], p["text"]) for p in passages],
        [(q["qid"], q["text"]) for q in queries],
        graded,
    )


@pytest.fixture
def tiny_toml(tmp_path, beir_folder, tiny_backbone):
    """A whole run that takes seconds: one given and one lexical teacher, one student and its control."""
    path = tmp_path / "tiny.toml"
    path.write_text(
        textwrap.dedent(f"""
        seeds = [0]

        [source]
        kind = "beir"
        path = "{beir_folder}"

        [generate]
        round_trip_depth = 3

        [mine]
        depth = 5

        [[teachers]]
        kind = "dual_encoder"
        name = "tiny"
        encoder = {{model = "{tiny_backbone}", max_tokens = 32, precision = "float32"}}

        [[teachers]]
        kind = "bm25"
        name = "lexical"

        [gate]
        on_failure = "warn"  # a random teacher is no good teacher

        [embed]
        encoder = {{model = "{tiny_backbone}", max_tokens = 32, precision = "float32"}}

        [cluster]
        k = 3
        c = 4

        [[baselines]]
        kind = "bm25"
        name = "bm25"

        [[students]]
        kind = "bi-encoder"
        name = "hard"
        backbone = "{tiny_backbone}"
        loss = "infonce"
        training = {{max_steps = 2, batch_size = 2}}

        [[students]]
        kind = "bi-encoder"
        name = "soft"
        backbone = "{tiny_backbone}"
        loss = "kl"
        targets = {{kind = "factor", by = 20.0}}
        training = {{max_steps = 2, batch_size = 2}}

        [evaluate]
        depth = 12

        [report]
        control = "hard"
        """)
    )
    return path


@pytest.fixture
def direct(monkeypatch):
    """Runs without Prefect: what a command does is the same, seconds earlier."""
    from flows import command_run
    from flows.execution import Execution, check_inputs, execute, make_directly

    def run(config, store, name, choice):
        execution = Execution(store, choice, make_directly(store), check_inputs(config, store, choice))
        execute(config, name, execution)
        ran = sum(row.status == "ran" for row in execution.provenance)
        return ran, len(execution.provenance) - ran

    monkeypatch.setattr(command_run, "run_with_prefect", run)
