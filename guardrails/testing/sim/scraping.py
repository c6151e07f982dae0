"""Scrape targets: whatever gives the simulated Prometheus its series."""

from collections.abc import Iterable
from typing import Protocol

from guardrails.testing.sim.tsdb import Labels

Reading = tuple[Labels, float]
"""One series and its value now."""


class Target(Protocol):
    """Something to scrape."""

    job: str
    up: bool
    """Whether it answers; a target that does not loses its series and shows `up` 0."""

    def collect(self) -> Iterable[Reading]:
        """Every series with its value now."""
        ...
