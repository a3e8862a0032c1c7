from typing import Annotated

from pydantic import Field

from models.retrievers.bm25 import Bm25Config
from models.retrievers.dense import DenseConfig

AnyRetrieverConfig = Bm25Config | DenseConfig
RetrieverChoice = Annotated[AnyRetrieverConfig, Field(discriminator="kind")]
