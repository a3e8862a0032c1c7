from pathlib import Path

import pytest

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from flows.config import ROOT, config_path, load
from flows.estimate import estimate
from flows.estimating.collection_size import ingested
from flows.estimating.rates import UNKNOWN, Rates, measured_rates, rates_of, read_rates
from flows.estimating.work import works
from flows.records import manifests
from tests.flows.measured_runs import measured_run

RATES = Rates(where="here", cores=2, reading=10.0, training=5.0)


def test_seconds_are_amounts_over_rates():
    assert RATES.seconds("reading", 20.0) == 2
    assert RATES.seconds("training", 20.0) == 4
    assert RATES.seconds("writing", 20.0) is None
    # 8.5e9 on each of two cores; BM25 uses one
    assert RATES.seconds("vectors", 8.5e9) == 0.5
    assert RATES.seconds("words", 1.1e8) == 1


def test_a_store_without_a_run_knows_no_rate(store):
    assert rates_of(store, None, "nq", 2) == UNKNOWN


def test_a_file_of_rates_is_read(tmp_path, store):
    path = tmp_path / "rates.toml"
    path.write_text('where = "there"\nreading = 2e12\n')
    assert rates_of(store, str(path), "nq", 2) == Rates(where="there", reading=2e12)


def test_rates_of_a_run_are_its_work_over_its_seconds(store):
    measured_run(store)
    found = measured_rates(store, "nq", 2)
    computed = works(load(config_path("nq")), ingested(store, "nq"))
    (embed,) = (work for work in computed if work.stage == "embed_passages")
    (training,) = (work for work in computed if (work.stage, work.of) == ("train_student", "kl/0"))
    # 1000 passages, 200 a second: 5 seconds. What was looked up tells nothing.
    assert found.reading == pytest.approx(embed.amount / 5)
    # 50 lists in 25 seconds
    assert found.training == pytest.approx(training.amount / (training.items / 2))
    assert found.where.startswith("run nq, ")
    assert rates_of(store, None, "nq", 2) == rates_of(store, "nq", "other", 2) == found


@pytest.mark.skipif(
    ingested(ArtifactStore(ROOT / "artifacts"), "sample") is None, reason="distill run sample was not run"
)
def test_the_sample_takes_what_is_estimated_within_a_factor_of_two():
    store, config = ArtifactStore(ROOT / "artifacts"), load(config_path("sample"))
    found = estimate(config, ingested(store, "sample"), rates=measured_rates(store, "sample", 2))
    done = {(row.stage, row.of): manifest for row, manifest in manifests(store, "sample")}
    for pairs in found.pairs:
        if manifest := done.get(("score_candidates", pairs.teacher)):
            assert 0.5 <= manifest.facts["pairs"] / pairs.most <= 2
    for table in found.tables:
        parts = [manifest.parts.get(f"{table.name}.parquet") for manifest in done.values()]
        rows = sum(part.rows for part in parts if part)
        if table.name in ("candidates", "embeddings", "passages"):
            assert 0.5 <= rows / table.rows <= 2
    (embed,) = (stage for stage in found.stages if stage.stage == "embed_passages")
    seconds = embed.items / done["embed_passages", ""].facts["passages_per_s"]
    assert 0.5 <= embed.here_hours * 3600 / seconds <= 2


@pytest.mark.parametrize(
    ("content", "found"), [("reading = -1", "ValidationError"), ("x", "TOMLDecodeError"), (None, "FileNot")]
)
def test_a_file_that_holds_no_rates_is_refused(tmp_path, content, found):
    path: Path = tmp_path / "rates.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=rf"found {found}.*expected a TOML file with where, cores, reading"):
        read_rates(path)


def test_a_run_that_is_not_there_is_named(store):
    with pytest.raises(ConfigError, match=r"run 'other'.*nothing under"):
        rates_of(store, "other", "nq", 2)
    measured_run(store, "gone")  # a configuration of that name there is not
    with pytest.raises(ConfigError, match="--rates gone: found no stage that tells its seconds"):
        rates_of(store, "gone", "nq", 2)
