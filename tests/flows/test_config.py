import pytest

from data.errors import ConfigError
from flows.config import CONFIGS, config_path, load


def test_students_are_chosen_by_name(tiny_toml):
    assert [student.name for student in load(tiny_toml, students=["soft"]).students] == ["soft"]


def test_a_student_without_a_teacher_of_its_own_learns_from_the_first(tiny_toml):
    config = load(tiny_toml, ["students.soft.teacher=lexical"])
    assert [config.teacher_of(student).name for student in config.students] == ["tiny", "lexical"]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid_and_says_how_to_run_it(path):
    assert load(path).teachers
    assert path.read_text().splitlines()[0].startswith("# ")
    assert "distill run" in path.read_text().split("\n\n")[0]


BAD = {
    "unknown key": (["mine.dpeth=3"], r"mine\.dpeth: Extra inputs are not permitted"),
    "negative depth": (["mine.depth=-3"], r"mine\.depth: Input should be greater than 0 \(found -3\)"),
    "text for a number": (
        ["evaluate.depth=many"],
        r"evaluate\.depth: Input should be a valid integer.*'many'",
    ),
    "unknown kind": (["teachers.0.kind=oracle"], r"teachers\.0: .*'oracle'.*'cross_encoder'"),
    "unknown loss": (["students.soft.loss=hinge"], r"students\.1\S*: Input should be .*'margin_mse'"),
    "no seeds": (["seeds=[]"], r"seeds: Tuple should have at least 1 item"),
    "no teachers": (["teachers=[]"], r"teachers: Tuple should have at least 1 item"),
    "two students of one name": (["students.hard.name=soft"], r"systems: the name 'soft' is used 2 times"),
    "two seeds alike": (["seeds=[1, 1]"], r"seeds: the name '1' is used 2 times"),
    "unknown teacher": (
        ["students.soft.teacher=oracle"],
        r"students\.soft\.teacher: found 'oracle'; expected one of",
    ),
    "unknown control": (
        ["report.control=oracle"],
        r"report\.control: found 'oracle'; expected one of bm25, hard",
    ),
    "a name with a slash": (["students.soft.name=a/b"], r"students\.1\S*name: String should match pattern"),
    "unknown measure": (['evaluate.measures=["nDGC@10"]'], r"nDGC@10"),
}


@pytest.mark.parametrize(("overrides", "message"), BAD.values(), ids=BAD)
def test_a_bad_value_is_named_with_what_was_expected(tiny_toml, overrides, message):
    with pytest.raises(ConfigError, match=message):
        load(tiny_toml, overrides)


def test_all_problems_are_told_at_once(tiny_toml):
    with pytest.raises(ConfigError, match=r"2 problems:\n  mine\.depth.*\n  evaluate\.depth"):
        load(tiny_toml, ["mine.depth=0", "evaluate.depth=0"])


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[mine]\ndepth = = 3\n")
    with pytest.raises(ConfigError, match=r"bad\.toml: found no TOML: .*line 2"):
        load(path)


def test_an_unknown_profile_lists_the_known_ones():
    known = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.toml")))
    with pytest.raises(ConfigError, match=f"'smaple': found no such file; expected one of {known}"):
        config_path("smaple")


def test_an_unknown_student_lists_the_known_ones(tiny_toml):
    with pytest.raises(ConfigError, match=r"--students: found sfot; expected names among hard, soft"):
        load(tiny_toml, students=["sfot"])
