from flows.configuration_page import PAGE, page


def test_the_page_is_what_the_classes_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m flows.configuration_page"


def test_every_section_and_a_nested_key_are_there():
    text = page()
    assert "## `[mine]`" in text
    assert '## `[[teachers]] kind = "cross_encoder"`' in text
    assert "| `depth` | integer |" in text
