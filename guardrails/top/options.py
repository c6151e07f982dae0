"""What a person asks for on the command line of `top`."""

from dataclasses import dataclass

from guardrails.top.asking import MOST, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which runs to show, and how often to ask for them."""

    scope: Scope = Scope.OPEN
    limit: int = MOST
    interval: float = 2.0
    """Seconds between two looks at the list: about what an eye follows, as in top(1)."""
