import tomllib

import pytest

from data.errors import ConfigError
from flows.config import check, config_path
from flows.config_answers import asked_of
from models.asked import Asked

VALUES = tomllib.loads(config_path("sample").read_text(encoding="utf-8"))
DEAR = {"kind": "bm25", "name": "dear", "asked": {"depth": 20, "generated": False}}
CHEAP = {"kind": "bm25", "name": "cheap"}
BOTH = {"kind": "ensemble", "name": "both", "members": ["dear", "cheap"]}
SMALL = {"negative_depth": 20, "generated_share": 0.0}


def config(teachers, **lists):
    student = {
        "kind": "bi-encoder",
        "name": "kl",
        "targets": {"kind": "factor", "by": 2.0},
        "lists": SMALL | lists,
    }
    return check(VALUES | {"teachers": list(teachers), "students": [student], "report": {}}, "here")


def test_a_student_that_stays_within_what_was_asked_is_no_problem():
    assert config([DEAR]).teachers[0].asked == Asked(depth=20, generated=False)
    config([CHEAP], negative_depth=90, generated_share=1.0)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"negative_depth": 21}, r"negative_depth: found 21; expected at most 20, which dear is asked"),
        ({"generated_share": 0.5}, r"found 0\.5; expected 0, for dear is not asked generated queries"),
    ],
)
def test_a_student_that_would_miss_answers_is_refused(lists, message):
    with pytest.raises(ConfigError, match=message):
        config([DEAR], **lists)


def test_an_ensemble_has_the_answers_that_all_its_members_gave():
    made = config([DEAR, CHEAP | {"asked": DEAR["asked"]}, BOTH])
    assert asked_of(made, made.teachers[2]) == Asked(depth=20, generated=False)
    with pytest.raises(ConfigError, match="found cheap asked other pairs than dear; expected members"):
        config([DEAR, CHEAP, BOTH])
    with pytest.raises(ConfigError, match=r"both\.asked: found one; expected none"):
        config([CHEAP, CHEAP | {"name": "dear"}, BOTH | {"asked": {"depth": 3}}])
