from typing import Annotated

from pydantic import Field

from models.generators.seq2seq import Seq2seqConfig
from models.generators.spans import SpansConfig

AnyGeneratorConfig = SpansConfig | Seq2seqConfig
GeneratorChoice = Annotated[AnyGeneratorConfig, Field(discriminator="kind")]
