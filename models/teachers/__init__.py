from typing import Annotated

from pydantic import Field

from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.dual_encoder import DualEncoderConfig
from models.teachers.dual_pooling import DualPoolingConfig
from models.teachers.ensemble import EnsembleConfig
from models.teachers.external import ExternalConfig
from models.teachers.llm_reranker import LlmRerankerConfig
from models.teachers.taught import TaughtConfig

AnyTeacherConfig = (
    CrossEncoderConfig
    | DualEncoderConfig
    | DualPoolingConfig
    | Bm25TeacherConfig
    | LlmRerankerConfig
    | ExternalConfig
    | EnsembleConfig
    | TaughtConfig
)
TeacherChoice = Annotated[AnyTeacherConfig, Field(discriminator="kind")]
