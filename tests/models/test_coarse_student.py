import pytest
from pydantic import ValidationError

from models.student import Need
from models.students.gdr import GdrConfig


def config(**settings):
    return GdrConfig(**{"name": "g", "documents": "kl"} | settings)


def test_it_builds_on_the_student_whose_vectors_are_clustered():
    assert config().builds_on == "kl"
    assert config(documents=None, backbone="all-MiniLM-L6-v2").builds_on is None


@pytest.mark.parametrize(
    ("settings", "needs"),
    [
        ({}, {Need.EMBEDDINGS, Need.CLUSTERS}),
        ({"negatives": "random"}, {Need.EMBEDDINGS, Need.CLUSTERS}),
        ({"dense_only": True}, {Need.EMBEDDINGS, Need.CLUSTERS}),
        ({"dense_only": True, "negatives": "bm25"}, {Need.EMBEDDINGS}),
    ],
)
def test_clusters_are_asked_for_where_something_uses_them(settings, needs):
    assert config(**settings).needs == needs
    assert config(**settings).finds_with == {Need.EMBEDDINGS}


def test_the_name_of_the_other_student_enters_no_address():
    assert GdrConfig.model_fields["documents"].json_schema_extra == {"cache": False}


def test_a_query_encoder_must_start_somewhere():
    with pytest.raises(ValidationError, match="found neither documents nor a backbone; expected one"):
        config(documents=None)


def test_an_encoder_of_passages_must_start_somewhere():
    settings = {"documents": None, "backbone": "all-MiniLM-L6-v2", "train_passages": {"max_steps": 1}}
    with pytest.raises(ValidationError, match="found neither documents nor a passage_backbone"):
        config(**settings)
    assert config(**settings, passage_backbone="all-MiniLM-L6-v2").train_passages


@pytest.mark.parametrize("wrong", [{"intra_negatives": 11}, {"alphas": ()}, {"alpha": "test"}, {"alpha": -1}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        config(**wrong)
