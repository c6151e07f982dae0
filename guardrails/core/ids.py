"""Names for the identifiers that values carry, so that a type checker keeps them apart."""

from typing import NewType

RunId = NewType("RunId", str)
"""One guarded run."""

CallId = NewType("CallId", str)
"""One tool call, as the model numbered it."""

CheckId = NewType("CheckId", str)
"""One check of the gate, in kebab case: `rollout-complete`."""
