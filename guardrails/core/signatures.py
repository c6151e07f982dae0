"""What the failed and the successful runs of a class of models show: its published signature.

Counts are those of the IBM and UC Berkeley study of ITBench runs, annotated with MAST: 237 runs of
three models, one for each class. They come from the study's figures, whose every percentage and
mean they give again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from guardrails.core.mast import FailureMode

TELLING = 1.25
"""Likelihood ratio from which on a mode tells a failed run from a successful one. With 10 to 14
successful runs in a class, less than a quarter more is within one run of chance."""


class Shown(NamedTuple):
    """How many runs show a mode."""

    successful: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The runs of one class."""

    model: str
    successful: int
    failed: int
    shown: Mapping[FailureMode, Shown]
    """By mode; a mode that is not in it was never seen."""

    def likelihood_ratio(self, mode: FailureMode) -> float:
        """Return how many times likelier a failed run shows a mode than a successful one.

        Half a run is added to each cell, so that few runs make no infinite ratio. 1 for a mode that
        the study never saw.

        >>> round(SIGNATURES["mid-tier"].likelihood_ratio(FailureMode.PREMATURE_TERMINATION), 1)
        13.8
        """
        shown = self.shown.get(mode)
        if shown is None:
            return 1.0
        failed = (shown.failed + 0.5) / (self.failed + 1)
        return failed / ((shown.successful + 0.5) / (self.successful + 1))

    def tells(self, mode: FailureMode) -> bool:
        """Tell whether a mode speaks for a failed run. One that was never seen does."""
        return mode not in self.shown or self.likelihood_ratio(mode) >= TELLING

    def telling_modes(self) -> tuple[float, float]:
        """Return how many telling modes a successful and a failed run show on average.

        >>> [round(mean, 1) for mean in SIGNATURES["open"].telling_modes()]
        [1.3, 3.2]
        """
        told = [shown for mode, shown in self.shown.items() if self.tells(mode)]
        return (
            sum(shown.successful for shown in told) / self.successful,
            sum(shown.failed for shown in told) / self.failed,
        )


def _signature(
    model: str, *, successful: int, failed: int, shown: Mapping[str, tuple[int, int]]
) -> Signature:
    modes = {FailureMode(f"FM-{mode}"): Shown(*counts) for mode, counts in shown.items()}
    return Signature(
        model=model, successful=successful, failed=failed, shown=MappingProxyType(modes)
    )


SIGNATURES: Mapping[str, Signature] = MappingProxyType(
    {
        "frontier": _signature(
            "Gemini-3-Flash",
            successful=14,
            failed=44,
            shown={
                "1.1": (3, 12),
                "1.3": (10, 26),
                "1.5": (0, 7),
                "2.2": (0, 4),
                "2.3": (1, 1),
                "2.4": (0, 1),
                "2.6": (2, 16),
                "3.1": (1, 18),
                "3.3": (2, 29),
            },
        ),
        "mid-tier": _signature(
            "Kimi-K2",
            successful=14,
            failed=76,
            shown={
                "1.1": (4, 38),
                "1.2": (0, 3),
                "1.3": (13, 69),
                "1.4": (0, 6),
                "1.5": (0, 33),
                "2.2": (2, 16),
                "2.3": (3, 20),
                "2.4": (0, 1),
                "2.6": (10, 70),
                "3.1": (0, 35),
                "3.3": (6, 63),
            },
        ),
        "open": _signature(
            "GPT-OSS-120B",
            successful=10,
            failed=79,
            shown={
                "1.1": (5, 55),
                "1.2": (0, 3),
                "1.3": (9, 77),
                "1.4": (1, 20),
                "1.5": (1, 39),
                "2.1": (0, 11),
                "2.2": (2, 15),
                "2.3": (0, 10),
                "2.4": (0, 8),
                "2.6": (8, 76),
                "3.1": (1, 33),
                "3.3": (5, 74),
            },
        ),
    }
)
"""By the name of the shipped profile of the class."""
