"""What the bundled collection promises in its README."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
STOP_WORDS = """
a an and are as at be been by can could did do does for from had has have how i if in into is it its me my of
on or than that the their them they this to was were what when where which who why will with would you your
"""


def read(name):
    return [json.loads(line) for line in (SAMPLE / name).read_text(encoding="utf-8").splitlines()]


def words(text):
    return set(re.findall(r"\w+", text.lower())) - set(STOP_WORDS.split())


@pytest.fixture(scope="module")
def passages():
    return {row["_id"]: row for row in read("corpus.jsonl")}


@pytest.fixture(scope="module")
def questions():
    return {row["_id"]: row["text"] for row in read("queries.jsonl")}


@pytest.fixture(scope="module")
def judgements():
    """Split -> question -> passage -> grade."""
    splits = {}
    for split in ("train", "dev", "test"):
        grades = splits[split] = {}
        with (SAMPLE / "qrels" / f"{split}.tsv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                grade = grades.setdefault(row["query-id"], {})
                assert row["corpus-id"] not in grade
                grade[row["corpus-id"]] = int(row["score"])
    return splits


def test_at_least_five_hundred_passages_of_forty_to_ninety_words(passages):
    assert len(passages) >= 500
    assert {pid for pid, row in passages.items() if not 40 <= len(row["text"].split()) <= 90} == set()


def test_passages_cover_forty_topics_in_families_of_siblings(passages):
    topics = {(row["metadata"]["family"], row["metadata"]["topic"]) for row in passages.values()}
    assert len(topics) >= 40
    assert set(Counter(family for family, _ in topics).values()) == {4}


def test_no_passage_and_no_question_is_there_twice(passages, questions):
    assert (
        len({row["text"].casefold() for row in passages.values()})
        == len(passages)
        == len(read("corpus.jsonl"))
    )
    assert (
        len({text.casefold() for text in questions.values()}) == len(questions) == len(read("queries.jsonl"))
    )


def test_every_question_is_judged_in_exactly_one_split(questions, judgements):
    judged = [qid for grades in judgements.values() for qid in grades]
    assert len(questions) >= 1200
    assert sorted(judged) == sorted(questions)


def test_every_judgement_is_of_a_passage_that_is_there(passages, judgements):
    judged = {pid for split in judgements.values() for grades in split.values() for pid in grades}
    assert judged <= set(passages)


def test_training_knows_one_to_three_questions_per_passage_and_one_passage_per_question(judgements):
    sources = [list(grades.items()) for split in ("train", "dev") for grades in judgements[split].values()]
    assert {(len(pairs), pairs[0][1]) for pairs in sources} == {(1, 1)}
    assert max(Counter(pairs[0][0] for pairs in sources).values()) <= 3


def test_every_passage_answers_a_question(passages, questions, judgements):
    full = {"train": 1, "dev": 1, "test": 3}
    answering = {
        pid
        for split, grades in judgements.items()
        for row in grades.values()
        for pid, grade in row.items()
        if grade == full[split]
    }
    assert answering == set(passages)
    assert len(questions) <= 3 * len(passages)


def test_test_questions_are_graded_from_zero_to_three(judgements):
    grades = judgements["test"]
    assert len([qid for qid in grades if len(grades[qid]) >= 3]) == len(grades) >= 150
    assert {grade for row in grades.values() for grade in row.values()} == {0, 1, 2, 3}
    assert {(max(row.values()), min(row.values()) <= 1) for row in grades.values()} == {(3, True)}


def test_questions_follow_no_template(questions):
    openings = Counter(" ".join(text.lower().split()[:4]) for text in questions.values())
    assert openings.most_common(1)[0][1] <= 0.02 * len(questions)


def test_half_of_the_questions_avoid_the_words_of_their_passage(passages, questions, judgements):
    def share(qid, pid):
        asked = words(questions[qid])
        return len(asked & words(passages[pid]["title"] + " " + passages[pid]["text"])) / max(1, len(asked))

    sources = [
        (qid, next(iter(grades))) for split in ("train", "dev") for qid, grades in judgements[split].items()
    ]
    # A test question may have several full answers; the one that shares most of its words counts.
    shares = [share(qid, pid) for qid, pid in sources] + [
        max(share(qid, pid) for pid, grade in grades.items() if grade == 3)
        for qid, grades in judgements["test"].items()
    ]
    assert sum(value <= 0.5 for value in shares) >= 0.5 * len(shares)


@pytest.fixture(scope="module")
def bm25_run(passages, questions, judgements):
    import bm25s

    pids = sorted(passages)
    texts = [passages[pid]["title"] + " " + passages[pid]["text"] for pid in pids]
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    qids = list(judgements["test"])
    tokens = bm25s.tokenize([questions[qid] for qid in qids], stopwords="en", show_progress=False)
    rows, scores = index.retrieve(tokens, k=10, show_progress=False)
    return {
        qid: {pids[row]: float(score) for row, score in zip(rows[at], scores[at], strict=True) if score > 0}
        for at, qid in enumerate(qids)
    }


def test_bm25_finds_the_test_neither_trivial_nor_hopeless(bm25_run, judgements):
    from ir_measures import calc_aggregate, nDCG

    measure = nDCG @ 10
    assert 0.55 <= calc_aggregate([measure], judgements["test"], bm25_run)[measure] <= 0.85


def test_the_five_best_of_bm25_are_judged(bm25_run, judgements):
    found = [
        pid in judgements["test"][qid]
        for qid, scores in bm25_run.items()
        for pid in sorted(scores, key=lambda pid: (-scores[pid], pid))[:5]
    ]
    assert sum(found) == len(found)
