"""How a run ended. There is no bare success: each outcome says what was proved."""

from enum import StrEnum


class Outcome(StrEnum):
    """The typed end of every run."""

    RESOLVED = "resolved"
    """The incident is fixed, on evidence."""
    DIAGNOSED = "diagnosed"
    """The root cause is named, and what is named exists and was looked at."""
    UNRESOLVED = "unresolved"
    """The evidence says that it is not fixed, or the agent gave up."""
    ESCALATED = "escalated"
    """Handed to a person: asked for by the agent, or evidence stayed unreadable."""
    UNVERIFIABLE = "unverifiable"
    """Neither proved nor refuted: no evidence to judge by, or no time left to wait for it."""
    ABORTED = "aborted"
    """Broken off by an error or a cancellation."""

    @property
    def accepted(self) -> bool:
        """True for the two outcomes that need a passing report."""
        return self in {Outcome.RESOLVED, Outcome.DIAGNOSED}
