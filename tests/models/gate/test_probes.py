import pytest

from models.encoders.text_encoder import EncoderConfig
from models.gate.probes import in_float32, newly_made, truncation, untrained
from models.gate.verdicts import Finding
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.dual_encoder import DualEncoderConfig

QUERY, SHORT, LONG = "yellow metal", "gold rusts", "gold " * 20


def test_a_cross_encoder_cuts_pairs(cross_encoders):
    # [CLS] yellow metal [SEP] gold rusts [SEP] are 7 tokens.
    for limit, share in ((7, 0.5), (6, 1.0)):
        config = CrossEncoderConfig(name="ce", model=str(cross_encoders["whole"]), max_tokens=limit)
        teacher = config.load(None, [QUERY], [SHORT])
        assert truncation(teacher, [QUERY, QUERY], [SHORT, LONG]).value == share


def test_a_dual_encoder_cuts_passages_with_their_prompt(tiny_backbone):
    # [CLS] gold rusts [SEP] are 4 tokens; with the prompt "iron " 5.
    for limit, prompt, share in ((4, "", 0.5), (4, "iron ", 1.0), (5, "iron ", 0.5)):
        encoder = EncoderConfig(model=str(tiny_backbone), max_tokens=limit, passage_prompt=prompt)
        teacher = DualEncoderConfig(name="de", encoder=encoder).load(None, [], [])
        assert truncation(teacher, ["a query as long as it likes to be"] * 2, [SHORT, LONG]).value == share


def test_the_models_own_limit_counts_where_it_is_lower(tiny_backbone):
    encoder = EncoderConfig(model=str(tiny_backbone), max_tokens=500)
    found = truncation(
        DualEncoderConfig(name="de", encoder=encoder).load(None, [], []), ["q"], ["gold " * 99]
    )
    assert found.note == "1 of 1 exceed 64 tokens"


def test_bm25_reads_everything_and_has_neither_precision_nor_head():
    config = Bm25TeacherConfig(name="lexical")
    teacher = config.load(None, [QUERY], [SHORT])
    assert truncation(teacher, [QUERY], [LONG]) == Finding(None, "it does not truncate")
    assert in_float32(config) == Finding(None, "it has no precision to choose")
    assert newly_made(config, None) == Finding(None, "it has no head")
    assert untrained(teacher, [QUERY], [SHORT]) == Finding(None, "it has no head")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_teacher_in_sixteen_bits_has_a_twin_in_float32(precision):
    cross = CrossEncoderConfig(name="ce", model="x", precision=precision)
    dual = DualEncoderConfig(name="de", encoder=EncoderConfig(precision=precision))
    if precision == "float32":
        assert in_float32(cross) == in_float32(dual) == Finding(None, "its answers are in float32 already")
    else:
        assert in_float32(cross) == CrossEncoderConfig(name="ce", model="x", precision="float32")
        assert in_float32(dual).encoder == EncoderConfig(precision="float32")


def test_weights_that_were_trained_here_are_looked_at_instead_of_the_backbone(cross_encoders):
    config = CrossEncoderConfig(name="ce", model=str(cross_encoders["headless"]))
    assert newly_made(config, None).value == 2
    assert newly_made(config, cross_encoders["whole"]).value == 0


def test_the_head_that_is_used_is_looked_at(cross_encoders):
    config = CrossEncoderConfig(name="ce", model=str(cross_encoders["whole"]))
    teacher = config.load(None, [QUERY], [SHORT])
    assert untrained(teacher, [QUERY, QUERY], [SHORT, LONG]).value == 1
