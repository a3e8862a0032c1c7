import pytest
from pydantic import BaseModel

from data.schemas import PASSAGES, QRELS
from data.tables import from_rows
from tasks import stage as stages


class Config(BaseModel):
    grade: int = 1


def two_tables(draft, store, config):
    draft.write(from_rows([("q1", "p1", config.grade)], QRELS), QRELS)
    draft.write(from_rows([("p1", "", "text")], PASSAGES), PASSAGES)
    draft.note(grade=config.grade)


def refuse(*_, **__):
    raise AssertionError("this stage was already done")


def made_of(body, **reads):
    return stages.Stage(name="work", module="tasks.stage", body=body, reads=reads)


def test_a_second_run_does_no_work(store):
    first = made_of(two_tables).run(store, Config(), {})
    assert made_of(refuse).run(store, Config(), {}) == first


def test_force_makes_it_again(store):
    made_of(two_tables).run(store, Config(), {})
    with pytest.raises(AssertionError, match="already done"):
        made_of(refuse).run(store, Config(), {}, force=True)


def test_another_setting_is_another_artifact(store):
    one, two = (made_of(two_tables).run(store, Config(grade=n), {}) for n in (1, 2))
    assert one.key != two.key


def test_only_the_parts_that_are_read_count(store):
    one, two = (made_of(two_tables).run(store, Config(grade=n), {}) for n in (1, 2))
    reader = made_of(refuse, collection=("passages.parquet",))
    keys = {reader.recipe(store, Config(), {"collection": ref}).key for ref in (one, two)}
    assert len(keys) == 1
    whole = made_of(refuse)
    assert len({whole.recipe(store, Config(), {"collection": ref}).key for ref in (one, two)}) == 2


def test_a_rebuilt_input_with_the_same_bytes_runs_nothing_below(store):
    first = made_of(two_tables).run(store, Config(), {})
    again = made_of(two_tables).run(store, Config(), {}, force=True)
    below = made_of(refuse)
    recipes = [below.recipe(store, Config(), {"collection": ref}) for ref in (first, again)]
    assert recipes[0].key == recipes[1].key


def test_a_stage_that_fails_leaves_no_artifact(store):
    stage = made_of(refuse)
    with pytest.raises(AssertionError):
        stage.run(store, Config(), {})
    assert store.whole("work", stage.recipe(store, Config(), {}).key) is None


def test_the_manifest_tells_what_was_used(store):
    ref = made_of(two_tables).run(store, Config(), {}, of="minilm")
    manifest = store.manifest("work", ref.key)
    assert manifest.recipe.config == {"grade": 1}
    assert manifest.facts == {"grade": 1}
    assert manifest.machine["pyarrow"]
    assert ref.of == "minilm"


def test_the_decorator_takes_the_name_of_its_function():
    @stages.stage(reads={"collection": ["passages.parquet"]})
    def mine(draft, store, config):
        """Nothing."""

    assert (mine.name, mine.reads) == ("mine", {"collection": ("passages.parquet",)})
