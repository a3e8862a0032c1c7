import pytest

from data.errors import ConfigError
from flows.answer_keys import open_key, open_texts


def test_the_only_teacher_is_chosen_by_itself(finished_run, store):
    finished_run("sharp")
    key = open_key(store, "tiny", "", "{title} {text}")
    assert key.teacher == "sharp"
    assert key.pairs == 4
    assert key.named_passages["passage"][0] == "Gold Gold is a yellow metal that never rusts."


def test_generated_queries_are_among_the_queries(finished_run, store):
    finished_run("sharp")
    key = open_key(store, "tiny", "", "{text}")
    assert ("g1", "iron-1") in key.positives.rows()
    assert "g1" in key.named_queries["qid"]


def test_one_of_several_teachers_is_chosen_by_name(finished_run, store):
    finished_run("sharp", "lexical")
    with pytest.raises(
        ConfigError, match=r"answers of 2 teachers; expected one of lexical, sharp\. Choose with"
    ):
        open_key(store, "tiny", "", "{text}")
    assert open_key(store, "tiny", "lexical", "{text}").pairs == 4
    with pytest.raises(ConfigError, match=r"no answers of 'bm26'; expected one of lexical, sharp"):
        open_key(store, "tiny", "bm26", "{text}")


def test_a_template_that_is_none_is_refused(finished_run, store):
    finished_run("sharp")
    with pytest.raises(ConfigError, match=r"--template: found '\{titel\}'; expected a text with \{title\}"):
        open_key(store, "tiny", "sharp", "{titel}")


def test_texts_of_a_run_are_as_the_template_says(finished_run, store):
    finished_run("sharp")
    texts = open_texts(store, "tiny", "{text} ({title})")
    assert ("gold-1", "Gold is a yellow metal that never rusts. (Gold)") in texts.passages.rows()
    assert ("q04", "yellow metal") in texts.queries.rows()


def test_a_run_that_is_not_there_is_refused(store):
    with pytest.raises(ConfigError, match=r"expected a finished run"):
        open_key(store, "nowhere", "", "{text}")
