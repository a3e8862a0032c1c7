from data.drafts import Draft
from data.schemas import QRELS
from data.tables import from_rows


def test_parts_carry_rows_and_the_digest_of_every_file(tmp_path):
    draft = Draft(tmp_path, tmp_path / "kept")
    with draft.rows(QRELS) as writer:
        writer.write(from_rows([("q1", "p1", 1), ("q1", "p2", 0)], QRELS))
    (draft.folder("model") / "a.txt").write_text("a")
    draft.file("report.md").write_text("text")
    draft.note(keep_rate=0.5)
    parts = draft.parts()
    assert parts["qrels.parquet"].rows == 2
    assert [entry.name for entry in parts["model"].files] == ["a.txt"]
    assert parts["report.md"].rows is None
    assert draft.facts == {"keep_rate": 0.5}


def test_a_part_is_its_content_not_its_place(tmp_path):
    digests = set()
    for place in ("one", "two"):
        draft = Draft(tmp_path / place, tmp_path / "kept")
        (draft.folder("model") / "a.txt").write_text("a")
        digests.add(draft.parts()["model"].digest)
    assert len(digests) == 1


def test_a_renamed_file_is_another_part(tmp_path):
    digests = set()
    for name in ("a.txt", "b.txt"):
        draft = Draft(tmp_path / name, tmp_path / "kept")
        (draft.folder("model") / name).write_text("a")
        digests.add(draft.parts()["model"].digest)
    assert len(digests) == 2
