import pytest
from pydantic import ValidationError

from models.generative_settings import GenerativeSettings, RowSettings


def test_defaults_are_minders():
    search, rows = GenerativeSettings(), RowSettings()
    assert (search.beams, search.query_offset, search.repetition, search.ranked) == (15, 14.0, 0.8, 1500)
    assert (rows.title, rows.body, rows.query) == (3, 10, 5)


def test_a_ceiling_of_a_sure_identifier_is_refused():
    with pytest.raises(ValidationError, match="query_ceiling"):
        GenerativeSettings(query_ceiling=0.0)
