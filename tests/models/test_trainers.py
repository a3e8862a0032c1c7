import pytest
from sentence_transformers import CrossEncoder, MultiVectorEncoder, SentenceTransformer, SparseEncoder

from models.trainers import EncoderTrainer, ReadingTrainer, RerankerTrainer, TermTrainer, TokenTrainer


@pytest.mark.parametrize(
    ("trainer", "model"),
    [
        (EncoderTrainer, SentenceTransformer),
        (ReadingTrainer, SentenceTransformer),
        (TokenTrainer, MultiVectorEncoder),
        (TermTrainer, SparseEncoder),
        (RerankerTrainer, CrossEncoder),
    ],
)
def test_each_trainer_trains_its_library_kind_of_model(trainer, model):
    assert trainer.model_class is model
