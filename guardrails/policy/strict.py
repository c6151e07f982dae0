"""The base of everything that people write, and the numbers they write in it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

Count = Annotated[StrictInt, Field(gt=0)]
"""A whole number from 1; `"40"` in quotes is text, and text is not a number."""


Percent = Annotated[StrictInt, Field(ge=0, le=100)]
"""A share as a whole number: fractions in a policy are durations."""


class Strict(BaseModel):
    """Base of everything that people write: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
