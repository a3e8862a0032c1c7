import subprocess
import sys
import tomllib

import pytest

from data.errors import ConfigError
from flows.config import check, config_path
from flows.planning import plan
from flows.records import RunRecord
from flows.score_scales import check_scales, is_pending, scale_of

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


def dual(model, name="far"):
    return {"kind": "dual_encoder", "name": name, "encoder": {"model": str(model)}}


def test_a_plan_finds_a_mismatch_and_makes_nothing(store):
    with pytest.raises(ConfigError, match=r"students.kl: found scores of the scale bm25"):
        plan(config([EXTERNAL]), store, RunRecord())
    assert not store.root.exists()


def test_what_a_model_tells_that_is_not_here_yet_is_passed_over(store, tiny_backbone):
    absent, here = config([dual("nobody/nothing")]), config([dual(tiny_backbone)])
    assert (is_pending(absent, absent.teachers[0]), is_pending(here, here.teachers[0])) == (True, False)
    assert plan(absent, store, RunRecord())[0].stage == "ingest"
    with pytest.raises(ConfigError, match=r"students.kl: found scores of the scale cosine"):
        check_scales(here)
    # Declared unknown is known: nothing will tell more.
    with pytest.raises(ConfigError, match=r"students.kl: found scores of the scale unknown"):
        check_scales(config([EXTERNAL | {"measured_in": "unknown"}]))


def test_of_an_ensemble_only_what_hangs_on_an_absent_model_is_passed_over():
    members = [EXTERNAL | {"measured_in": "logit"}, LEXICAL, dual("nobody/nothing")]
    for kind, names, refused in (
        ("mean", ["elsewhere", "far"], None),
        ("mean", ["far", "elsewhere"], None),
        (
            "mean",
            ["far", "elsewhere", "words"],
            r"teachers.all.blend: found scores of the scales bm25, logit",
        ),
        ("rrf", ["far", "elsewhere"], r"students.kl: found scores of the scale rank"),
    ):
        blended = {"kind": "ensemble", "name": "all", "members": names, "blend": {"kind": kind}}
        made = config([*members, blended], {"teacher": "all"})
        if refused is None:
            assert is_pending(made, made.teachers[-1])
            check_scales(made)
        else:
            with pytest.raises(ConfigError, match=refused):
                check_scales(made)


def test_a_mean_of_absent_models_alone_is_passed_over():
    pair = [dual("nobody/nothing"), dual("nobody/nothing", "farther")]
    mean = {"kind": "ensemble", "name": "all", "members": ["far", "farther"], "blend": {"kind": "mean"}}
    check_scales(config([*pair, mean], {"teacher": "all"}))


def test_to_look_scales_up_takes_no_torch():
    code = "\n".join(
        [
            "import sys",
            "from flows.config import config_path, load",
            "from flows.score_scales import check_scales",
            "check_scales(load(config_path('sample')))",
            "assert not {'torch', 'transformers', 'prefect'} & set(sys.modules)",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True)
