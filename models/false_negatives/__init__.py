from typing import Annotated

from pydantic import Field

from models.false_negatives.rules import AbovePositive, AbsoluteMargin, Rank, SpreadMargin

AnyRule = AbsoluteMargin | SpreadMargin | Rank | AbovePositive
RuleChoice = Annotated[AnyRule, Field(discriminator="kind")]
