import tomllib

import pytest

from data.errors import ConfigError
from flows.config import check, config_path
from flows.score_scales import check_scales, scale_of

VALUES = tomllib.loads(config_path("sample").read_text(encoding="utf-8"))
EXTERNAL = {"kind": "external", "name": "elsewhere", "path": "elsewhere.run", "measured_in": "bm25"}
LEXICAL = {"kind": "bm25", "name": "words"}


def config(teachers, student=None):
    students = [{"kind": "bi-encoder", "name": "kl", "loss": "kl"} | (student or {})]
    return check(VALUES | {"teachers": teachers, "students": students, "report": {}}, "here")


def ensemble(kind, name="both"):
    return {"kind": "ensemble", "name": name, "members": ["elsewhere", "words"], "blend": {"kind": kind}}


def test_an_ensembles_scale_follows_from_its_members():
    for kind, scale in (
        ("mean", "bm25"),
        ("min_max_mean", "unit_range"),
        ("rrf", "rank"),
        ("fitted", "logit"),
    ):
        made = config([EXTERNAL, LEXICAL, ensemble(kind)])
        assert scale_of(made, made.teachers[-1]) == scale


def test_a_loss_that_does_not_take_its_teachers_scale_is_refused():
    with pytest.raises(ConfigError, match=r"students.kl: found scores of the scale bm25"):
        check_scales(config([EXTERNAL]))
    check_scales(config([EXTERNAL], {"targets": {"kind": "factor", "by": 0.5}}))
    check_scales(config([EXTERNAL, LEXICAL, ensemble("fitted")], {"teacher": "both"}))


def test_a_mean_of_several_scales_is_refused():
    mixed = [EXTERNAL | {"measured_in": "logit"}, LEXICAL, ensemble("mean")]
    with pytest.raises(ConfigError, match=r"teachers.both.blend: found scores of the scales bm25, logit"):
        check_scales(config(mixed, {"teacher": "elsewhere"}))


def test_members_stand_before_their_ensemble_and_a_reference_is_known():
    with pytest.raises(
        ConfigError, match=r"teachers.both.members: found 'words'; expected teachers that stand"
    ):
        config([EXTERNAL, ensemble("rrf"), LEXICAL])
    with pytest.raises(
        ConfigError, match=r"students.kl.targets.reference: found 'nobody'; expected one of words"
    ):
        config([LEXICAL], {"targets": {"kind": "affine_to", "reference": "nobody"}})
