import polars as pl
import pytest

from data.dialect import Texts, read_answers
from data.dialects.tuples import Tuples
from data.errors import InputError


@pytest.fixture
def folder(small, tmp_path):
    (tmp_path / "tuples").mkdir()
    # q3 has no positive: its two answers are lost.
    assert Tuples().write(small, tmp_path / "tuples").pairs == 5
    return tmp_path / "tuples"


def test_sentence_transformers_learns_margins_from_the_tuples(folder, tmp_path, tiny_backbone):
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator
    from sentence_transformers.sentence_transformer.losses import MarginMSELoss

    rows = Dataset.from_parquet(str(folder / "tuples.parquet"), cache_dir=str(tmp_path / "cache"))
    assert rows.column_names == ["query", "positive", "negative", "label"]
    assert rows[0]["query"] == "query q1"
    assert rows[0]["negative"] == "title c text c"
    model = SentenceTransformer(str(tiny_backbone), device="cpu")
    loss = MarginMSELoss(model)
    query, positive, negative = (
        torch.from_numpy(model.encode(rows[name])) for name in ("query", "positive", "negative")
    )
    # Teacher margins: q1 2.5 - 0.1 and 2.5 + 1.0, q2 0.25 - 0.5.
    margins = torch.tensor([2.4, 3.5, -0.25])
    student = (query * positive).sum(-1) - (query * negative).sum(-1)
    expected = ((student - margins) ** 2).mean()
    batch = SentenceTransformerDataCollator(model.preprocess)(list(rows))
    features = [
        {
            name.removeprefix(f"{column}_"): value
            for name, value in batch.items()
            if name.startswith(f"{column}_")
        }
        for column in ("query", "positive", "negative")
    ]
    with torch.no_grad():
        assert loss.eval()(features, batch["label"]).item() == pytest.approx(expected.item(), rel=1e-4)


def test_without_identifiers_the_texts_of_a_run_are_looked_up(folder, small):
    (folder / "ids.parquet").unlink()
    with pytest.raises(InputError, match=r"texts without identifiers; .*Add --run NAME"):
        read_answers(Tuples(), folder, "t")
    texts = Texts(
        queries=small.named_queries.select("qid", text="query"),
        passages=small.named_passages.select("pid", text="passage"),
    )
    found = read_answers(Tuples(), folder, "t", texts)
    assert list(zip(*(found[name].to_pylist() for name in ("qid", "pid")), strict=True)) == [
        ("q1", "a"),
        ("q1", "b"),
        ("q1", "c"),
        ("q2", "a"),
        ("q2", "b"),
    ]


def test_identifiers_of_other_tuples_are_refused(folder):
    pl.read_parquet(folder / "ids.parquet").head(1).write_parquet(folder / "ids.parquet")
    with pytest.raises(InputError, match=r"ids.parquet: found 1 rows; expected 3, one for each"):
        read_answers(Tuples(), folder, "t")


def test_a_label_that_is_a_margin_is_refused(tmp_path):
    row = {"query": ["q"], "positive": ["p"], "negative": ["n"]}
    pl.DataFrame({**row, "label": [2.0]}).write_parquet(tmp_path / "tuples.parquet")
    with pytest.raises(InputError, match=r"column label: found Float64; expected lists of Float64"):
        read_answers(Tuples(), tmp_path, "t")
    pl.DataFrame({**row, "label": [[2.0]]}).write_parquet(tmp_path / "tuples.parquet")
    with pytest.raises(InputError, match=r"line 1: found a label that is not two scores"):
        read_answers(Tuples(), tmp_path, "t")
