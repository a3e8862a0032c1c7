from typing import Annotated

from pydantic import Field

from models.students.bi_encoder import BiEncoderConfig

# A further student is one more member: BiEncoderConfig | SpladeConfig | …
AnyStudentConfig = BiEncoderConfig
StudentChoice = Annotated[AnyStudentConfig, Field(discriminator="kind")]
