from models.gate.limits import GateConfig, limits
from models.gate.remedies import REMEDIES


def test_every_check_has_a_remedy_and_every_remedy_a_check():
    assert set(REMEDIES) == set(limits(GateConfig()))


def test_a_remedy_is_sentences():
    for check, remedy in REMEDIES.items():
        assert remedy[0].isupper(), check
        assert remedy.endswith("."), check
