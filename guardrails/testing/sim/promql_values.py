"""The values of PromQL: samples, vectors, and the error that a query ends in."""

from dataclasses import dataclass
from typing import Literal

from guardrails.testing.sim.tsdb import Labels

ErrorKind = Literal["bad_data", "execution"]


class PromqlError(Exception):
    """A query that cannot be answered; `kind` is Prometheus' `errorType`."""

    def __init__(self, message: str, *, kind: ErrorKind = "execution") -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant vector."""

    labels: Labels
    value: float
    at: float = 0.0
    """When the sample was taken; only `timestamp()` reads it."""


Vector = list[Sample]
Value = Vector | float | str


def unnamed(labels: Labels) -> Labels:
    """Labels without the metric's name, as every operation leaves them."""
    return tuple(pair for pair in labels if pair[0] != "__name__")


def by_labels(labels: Labels, names: frozenset[str]) -> Labels:
    """Only the named labels."""
    return tuple(pair for pair in labels if pair[0] in names)


def without_labels(labels: Labels, names: frozenset[str]) -> Labels:
    """All but the named labels."""
    return tuple(pair for pair in labels if pair[0] not in names)
