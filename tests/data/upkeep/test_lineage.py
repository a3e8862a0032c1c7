from hypothesis import given
from hypothesis import strategies as st

from data.manifests import FileEntry, Manifest, Part, Recipe
from data.upkeep.lineage import Lineage, given_files, is_folder, part_ids

SHA = "0123456789abcdef" * 4
OTHER_SHA = "f" * 64


def manifest(key, inputs, config=None, files=(), content=""):
    """An artifact with one part; two with equal ``content`` hold the same."""
    entries = tuple(FileEntry(name=name, size_bytes=1, sha256=sha) for name, sha in files)
    return Manifest(
        stage="s",
        of="",
        key=key,
        recipe=Recipe(stage="s", config=config, inputs=inputs, code={}),
        parts={"table": Part(digest=content or f"digest of {key}", files=entries)},
        facts={},
        seconds=0,
        finished_at="",
        machine={},
    )


def made_from(*contents):
    return {f"input{n}": {"table": content} for n, content in enumerate(contents)}


# A graph: each artifact has one of a few contents and is made from contents of artifacts before it.
GRAPHS = st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 20))), min_size=1, max_size=12)


def lineage_of(graph):
    found = {}
    contents = []
    for number, (content, before) in enumerate(graph):
        inputs = made_from(*sorted({contents[n] for n in before if n < number}))
        found[str(number)] = manifest(str(number), inputs, content=f"c{content}")
        contents.append(f"c{content}")
    return Lineage(found)


@given(graph=GRAPHS, data=st.data())
def test_every_input_of_what_is_needed_is_provided_by_what_is_needed(graph, data):
    lineage = lineage_of(graph)
    named = data.draw(st.sets(st.sampled_from(sorted(lineage.manifests)), min_size=1))
    needed = lineage.needed(named)
    assert named <= needed
    for key in needed:
        for part in part_ids(lineage.manifests[key].recipe.inputs):
            assert lineage.makers(part) & needed


@given(graph=GRAPHS, data=st.data())
def test_what_is_needed_needs_nothing_more(graph, data):
    lineage = lineage_of(graph)
    named = data.draw(st.sets(st.sampled_from(sorted(lineage.manifests)), min_size=1))
    needed = lineage.needed(named)
    assert lineage.needed(needed) == needed


def test_a_chain_is_followed_and_its_side_branch_is_not():
    chain = {
        "a": manifest("a", {}),
        "b": manifest("b", made_from("digest of a")),
        "c": manifest("c", {"list": [{"table": "digest of b"}, None]}),
        "d": manifest("d", made_from("digest of b")),
    }
    assert Lineage(chain).needed(["c"]) == {"a", "b", "c"}


def test_of_equal_makers_the_named_one_stands_for_all():
    equal = {
        "old": manifest("old", {}, content="same"),
        "new": manifest("new", {}, content="same"),
        "user": manifest("user", made_from("same")),
    }
    assert Lineage(equal).needed(["user", "new"]) == {"user", "new"}
    assert Lineage(equal).needed(["user"], preferred=["new"]) == {"user", "new"}
    assert Lineage(equal).needed(["user"]) == {"user", "new", "old"}


def test_a_folder_given_by_configuration_is_an_input():
    weights = [("model.safetensors", SHA), ("README.md", OTHER_SHA)]
    student = {"name": "soft", "backbone": {"model.safetensors": SHA}}
    found = {
        "teacher": manifest("teacher", {}, files=weights),
        "unrelated": manifest("unrelated", {}, files=[("README.md", OTHER_SHA)]),
        "student": manifest("student", {}, config={"students": [student]}),
        "judged": manifest("judged", {}, config={"path": OTHER_SHA}),
    }
    assert Lineage(found).needed(["student"]) == {"student", "teacher"}
    assert Lineage(found).needed(["judged"]) == {"judged", "teacher", "unrelated"}


def test_an_unreadable_artifact_is_needed_all_the_same():
    assert Lineage({}).needed(["a"]) == {"a"}


def test_files_of_a_configuration_are_grouped_by_folder():
    config = {"a": {"x": SHA, "y": OTHER_SHA}, "b": [SHA, "no digest", 3], "c": {}}
    assert [*given_files(config)] == [{SHA, OTHER_SHA}, {SHA}]
    assert is_folder(config["a"])
    assert not is_folder(config["c"])


def test_a_store_is_read_whole(store, publish):
    first = publish(store, 1)
    second = publish(store, 2, [first])
    lineage = Lineage.of(store)
    assert lineage.needed([second.key]) == {first.key, second.key}
