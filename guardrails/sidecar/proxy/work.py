"""How far the work on a request is, as whoever waits for it and whoever does it both know it."""

from dataclasses import dataclass

from guardrails.errors import GuardrailsError


class AbandonedError(GuardrailsError):
    """Nobody waits for the request any more, so its model is not asked."""


@dataclass(slots=True, kw_only=True)
class Work:
    """How far a request is, for whoever waits for it."""

    run: str = ""
    """Its run, once that is known."""
    asking: bool = False
    """Whether its model is at work, so that nothing is lost when it is broken off."""
    opened: str = ""
    """The id that its stream began with, where a later request may continue it by that id."""
    may_open: bool = False
    """Whether its stream may begin with an id of its own: not before it is known that a request
    which continues it will be seen, nor after the id of its reply is settled."""
    abandoned: bool = False
    """Whether nobody waits for it any more: its model is not asked again."""
