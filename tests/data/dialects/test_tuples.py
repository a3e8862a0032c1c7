import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.dialect import TEACHER, UNSPLIT, Texts, read_answers
from data.dialects.tuples import Tuples
from data.errors import ConfigError, InputError


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


@pytest.fixture
def wide(make_key, tmp_path):
    """Rows of two negatives: of q1 four of five, of q2 all of two for each of two positives, of q3 none."""
    answers = [("q1", pid, score) for pid, score in zip("abcdef", (9, 1, 2, 3, 4, 5), strict=True)]
    answers += [("q2", "a", 1.0), ("q2", "b", 2.0), ("q2", "c", 0.5), ("q2", "d", 0.75)]
    answers += [("q3", "a", 7.0), ("q3", "b", 3.0)]
    key = make_key(answers, positives=[("q1", "a"), ("q2", "a"), ("q2", "b"), ("q3", "a")])
    (tmp_path / "wide").mkdir()
    exported = Tuples(2).write(key, tmp_path / "wide")
    assert exported.pairs == 5 + 4
    assert exported.note == "left out: 1 queries (fewer than 2 negatives), 1 negatives of others"
    return tmp_path / "wide"


def test_negatives_are_dealt_out_by_falling_score_and_no_row_is_filled_up(wide):
    rows = pl.read_parquet(wide / "tuples.parquet")
    assert rows.columns == ["query", "positive", "negative_1", "negative_2", "label"]
    assert rows.row(0) == ("query q1", "title a text a", "title f text f", "title e text e", [9.0, 5.0, 4.0])
    assert pl.read_parquet(wide / "ids.parquet").rows() == [
        ("q1", "a", "f", "e"),
        ("q1", "a", "d", "c"),
        ("q2", "b", "d", "c"),
        ("q2", "a", "d", "c"),
    ]
    assert pl.read_parquet(wide / "ids.parquet").columns[2:] == ["negative_1_id", "negative_2_id"]
    assert rows["label"].to_list()[1:] == [[9.0, 3.0, 2.0], [2.0, 0.75, 0.5], [1.0, 0.75, 0.5]]


@pytest.mark.parametrize("kind", ["MarginMSELoss", "DistillKLDivLoss"])
def test_sentence_transformers_learns_from_rows_of_several_negatives(wide, tmp_path, tiny_backbone, kind):
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

    rows = Dataset.from_parquet(str(wide / "tuples.parquet"), cache_dir=str(tmp_path / "cache"))
    model = SentenceTransformer(str(tiny_backbone), device="cpu")
    seen = []

    class Watched(getattr(losses, kind)):
        def compute_loss_from_embeddings(self, embeddings, labels):
            seen.append((embeddings, labels))
            return super().compute_loss_from_embeddings(embeddings, labels)

    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=4,
        dataloader_drop_last=False,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = SentenceTransformerTrainer(model, arguments, rows, loss=Watched(model))
    result = trainer.train()
    embeddings, labels = seen[0]
    assert len(embeddings) == 4
    assert sorted(labels.tolist()) == sorted(rows["label"])
    query, *passages = (each.detach() for each in embeddings)
    student = torch.stack([(query * passage).sum(-1) for passage in passages], dim=1)
    if kind == "MarginMSELoss":
        expected = ((student[:, :1] - student[:, 1:] - labels[:, :1] + labels[:, 1:]) ** 2).mean()
    else:
        teacher = labels.softmax(-1)
        expected = (teacher * (teacher.log() - student.log_softmax(-1))).sum(-1).mean()
    assert result.training_loss == pytest.approx(expected.item(), rel=1e-3)


PAIRS = st.dictionaries(
    st.tuples(st.sampled_from("qrs"), st.sampled_from("abcdefgh")),
    st.tuples(st.floats(-9, 9, width=32), st.booleans()),
    min_size=1,
    max_size=20,
)


@settings(max_examples=40)
@given(pairs=PAIRS, negatives=st.integers(1, 4), block_pairs=st.integers(1, 30))
def test_a_key_is_read_back_minus_the_negatives_that_fill_no_row(
    make_key, tmp_path_factory, pairs, negatives, block_pairs
):
    folder = tmp_path_factory.mktemp("tuples")
    positives = [pair for pair, (_, positive) in pairs.items() if positive]
    answers = [(*pair, score) for pair, (score, _) in pairs.items()]
    dialect = Tuples(negatives)
    exported = dialect.write(make_key(answers, positives=positives, block_pairs=block_pairs), folder)
    expected = []
    for qid in "qrs":
        known = [each for each in answers if each[0] == qid and each[:2] in positives]
        rest = sorted(
            (each for each in answers if each[0] == qid and each[:2] not in positives),
            key=lambda each: (-each[2], each[1]),
        )
        if known and len(rest) >= negatives:
            expected += known + rest[: len(rest) // negatives * negatives]
    assert exported.pairs == len(expected)
    if expected:
        found = read_answers(dialect, folder, "t").to_pylist()
        assert [(row["qid"], row["pid"], row["score"]) for row in found] == sorted(expected)


def test_rows_of_several_negatives_without_identifiers_are_looked_up(wide):
    (wide / "ids.parquet").unlink()
    texts = Texts(
        queries=pl.DataFrame({"qid": ["q1", "q2"], "text": ["query q1", "query q2"]}),
        passages=pl.DataFrame({"pid": [*"abcdef"], "text": [f"title {pid} text {pid}" for pid in "abcdef"]}),
    )
    found = read_answers(Tuples(), wide, "t", texts).to_pylist()
    assert [(row["pid"], row["score"]) for row in found if row["qid"] == "q2"] == [
        ("a", 1.0),
        ("b", 2.0),
        ("c", 0.5),
        ("d", 0.75),
    ]


def test_what_is_lost_depends_on_the_width():
    assert Tuples().loses == (TEACHER, UNSPLIT)
    assert Tuples(3).loses == (TEACHER, UNSPLIT, "negatives that do not fill a row of 3")
    with pytest.raises(ConfigError, match="found 0 negatives in a row; expected at least 1"):
        Tuples(0)


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
    with pytest.raises(InputError, match=r"line 1: found a label that is not 2 scores"):
        read_answers(Tuples(), tmp_path, "t")
    several = {"query": ["q"], "positive": ["p"], "negative_1": ["n"], "negative_2": ["m"]}
    pl.DataFrame({**several, "label": [[2.0, 1.0]]}).write_parquet(tmp_path / "tuples.parquet")
    with pytest.raises(InputError, match=r"line 1: found a label that is not 3 scores, one for each passage"):
        read_answers(Tuples(), tmp_path, "t")
