from typing import Annotated

from pydantic import Field

from data.sources.beir import BeirConfig
from data.sources.hub import HubConfig
from data.sources.irds import IrdsConfig
from data.sources.parquet import ParquetConfig

AnySourceConfig = BeirConfig | ParquetConfig | HubConfig | IrdsConfig
SourceChoice = Annotated[AnySourceConfig, Field(discriminator="kind")]
