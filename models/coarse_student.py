"""What GDR is told: whence vectors and clusters come, what is learned of them, and how they are searched."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from models.cluster_lessons import PoolName
from models.generators.spans import SpansConfig
from models.metrics import MeasureName
from models.settings import Name, Settings
from models.student import Need, StudentConfig
from models.training import OneTaskTraining, TrainingConfig
from models.weights import ModelName


class DecoderSettings(Settings):
    """Size of the decoder of clusters, and how fast it learns."""

    layers: PositiveInt = Field(default=6, description="That see the query; 6 as T5-base and GDR.")
    adaptor_layers: NonNegativeInt = Field(default=4, description="That see the prefix alone; 4 as in NCI.")
    rank: PositiveInt = Field(default=64, description="Of what a prefix changes in the output weights.")
    learning_rate: PositiveFloat = Field(
        default=5e-4, description="Peak; it starts from nothing and runs are short. GDR's code has 1e-4."
    )


class CoarseStudentConfig(StudentConfig):
    """Settings of a student that writes clusters and compares vectors in them; sources beside each."""

    documents: Name | None = Field(
        default=None,
        json_schema_extra={"cache": False},
        description="The student whose vectors of passages are clustered and matched; None: section embed's.",
    )
    backbone: ModelName | None = Field(
        default=None,
        description="What the query encoder starts from, T5 and BART included; None: from `documents`.",
    )
    layers: tuple[int, ...] | None = Field(
        default=None, description="Layers to keep of what it starts from, counted from 0; None keeps all."
    )
    dense_only: bool = Field(default=False, description="No decoder, and all passages searched: the control.")
    negatives: PoolName = Field(default="cluster", description="Whence; the last two are controls.")
    miner: Name = Field(default="bm25", description='Whose candidates are negatives, with "bm25".')
    intra_negatives: int = Field(default=10, ge=0, le=10, description="Of an ask; GDR's code has at most 10.")
    intra_weight: PositiveFloat = Field(
        default=2.0, description="β of the own cluster; above 1 as GDR says. Its code has 1, to be changed."
    )
    temperature: PositiveFloat = Field(default=0.05, description="τ under the cosines; 0.05 as GDR's code.")
    path_weight: PositiveFloat = Field(default=1.0, description="w of the paths' loss; 1 as in GDR's code.")
    rdrop_weight: NonNegativeFloat = Field(
        default=0.0,
        description="r of two draws of dropout that agree; 0.15 in GDR's code; no gain over more steps.",
    )
    rdrop_temperature: PositiveFloat = Field(default=1.0, description="τ of that; 1 as in NCI's code.")
    generated_share: float = Field(
        default=1.0, ge=0, le=1, description="Share of the generated queries to learn from, chosen by hash."
    )
    spans: SpansConfig | None = Field(
        default=SpansConfig(sentence_share=0.0),
        description="Pieces of passages that ask for them: 5 of 16 words as in GDR. None: no pieces.",
    )
    match_spans: bool = Field(
        default=True, description="Whether pieces learn the match too, as in GDR's code, or the path alone."
    )
    decoder: DecoderSettings = DecoderSettings()
    training: OneTaskTraining = TrainingConfig(dropout=0.1)
    train_passages: OneTaskTraining | None = Field(
        default=None, description="A second training, of the passages' encoder too; None: it stays frozen."
    )
    passage_backbone: ModelName | None = Field(
        default=None, description="What that encoder starts from; None: from `documents`."
    )
    beams: PositiveInt = Field(
        default=10, description="Clusters written for a query; 100 in GDR's code, for collections of 334,000."
    )
    length_penalty: NonNegativeFloat = Field(default=0.8, description="λ of a path's length; as GDR's code.")
    alpha: NonNegativeFloat | Literal["dev"] = Field(
        default="dev", description="Of a cluster's probability; dev: the best of `alphas` there."
    )
    alphas: tuple[NonNegativeFloat, ...] = Field(
        default=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0), min_length=1, description="As GDR's code sweeps."
    )
    alpha_measure: MeasureName = Field(default="nDCG@10", description="By which alpha is chosen.")
    dev_queries: PositiveInt = Field(default=1000, description="To choose alpha on, at most; taken by hash.")

    @model_validator(mode="after")
    def _check_starts(self) -> "CoarseStudentConfig":
        if self.documents is None and self.backbone is None:
            msg = "found neither documents nor a backbone; expected one for the query encoder to start from"
            raise ValueError(msg)
        if self.train_passages and not (self.documents or self.passage_backbone):
            msg = "train_passages: found neither documents nor a passage_backbone; expected one to start from"
            raise ValueError(msg)
        trainings = [each for each in (self.training, self.train_passages) if each]
        if self.rdrop_weight and not all(each.dropout for each in trainings):
            msg = "rdrop_weight: found a training without dropout; expected some, for two draws to differ"
            raise ValueError(msg)
        return self

    @property
    def needs(self) -> frozenset[Need]:
        """The passages' vectors, and the clusters unless nothing is asked of them."""
        uses_clusters = not self.dense_only or self.negatives == "cluster"
        return frozenset({Need.EMBEDDINGS, Need.CLUSTERS} if uses_clusters else {Need.EMBEDDINGS})

    @property
    def finds_with(self) -> frozenset[Need]:
        """The vectors of the passages that are to be found: they say in which cluster each lies."""
        return frozenset({Need.EMBEDDINGS})

    @property
    def builds_on(self) -> Name | None:
        """The student whose vectors are clustered."""
        return self.documents
