from typing import Annotated

from pydantic import Field

from models.students.bi_encoder import BiEncoderConfig
from models.students.colbert import ColbertConfig
from models.students.dgr import DgrConfig
from models.students.embed_distill import EmbedDistillConfig
from models.students.gdr import GdrConfig
from models.students.md2pr import Md2prConfig
from models.students.minder import MinderConfig
from models.students.splade import SpladeConfig

# A further student is one more member: BiEncoderConfig | SpladeConfig | …
AnyStudentConfig = (
    BiEncoderConfig
    | ColbertConfig
    | Md2prConfig
    | EmbedDistillConfig
    | SpladeConfig
    | GdrConfig
    | MinderConfig
    | DgrConfig
)
StudentChoice = Annotated[AnyStudentConfig, Field(discriminator="kind")]
