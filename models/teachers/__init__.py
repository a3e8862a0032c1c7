from typing import Annotated

from pydantic import Field

from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.dual_encoder import DualEncoderConfig

AnyTeacherConfig = CrossEncoderConfig | DualEncoderConfig | Bm25TeacherConfig
TeacherChoice = Annotated[AnyTeacherConfig, Field(discriminator="kind")]
