"""Write a collection as BEIR has it."""

import json


def write_beir(folder, passages, queries, qrels):
    """A new folder.

    Args:
        folder: made.
        passages: pid, title and text of each.
        queries: qid and text of each.
        qrels: of each split, rows of qid, pid and grade.
    """
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": pid, "title": title, "text": text}) for pid, title, text in passages]
    (folder / "corpus.jsonl").write_text("\n".join(lines))
    lines = [json.dumps({"_id": qid, "text": text}) for qid, text in queries]
    (folder / "queries.jsonl").write_text("\n".join(lines))
    for split, rows in qrels.items():
        lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return folder
