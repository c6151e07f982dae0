"""What came of a run: one record per case, with what every gate said. The JSON's schema.

A case that could not be set up is not a result: it says why, and counts for nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.gates.cases.model import Expect, Kind

OURS = "ours"

SCHEMA = 1
"""Version of the JSON; raised when a reader must change."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate made of one case."""

    accepted: bool
    seconds: float
    """From the claim to the verdict; for one that never accepted, to its last look."""
    said: str


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """More about our own gate."""

    verdict: str
    first_look_seconds: float
    """From the claim to the first look's verdict."""
    first_fail_seconds: float | None = None
    pass_seconds: float | None = None
    good_seconds: float | None = None
    """From the first look of the unbroken good ones to the pass."""
    window_seconds: float = 0.0
    poll_seconds: float = 0.0
    looks: int = 0
    violated: tuple[str, ...] = ()
    """The facts of the last report that count against the claim, as `check: object: observed`."""
    reference: str = ""

    @property
    def waited_out(self) -> bool:
        """Whether it passed, and everything was good for a whole window before."""
        return self.good_seconds is not None and self.good_seconds >= self.window_seconds


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """One case."""

    id: str
    fault: str
    kind: Kind
    expect: Expect
    row: int = 0
    not_run: str = ""
    """Why the case was not judged; empty when it was."""
    gates: dict[str, Said] = msgspec.field(default_factory=dict[str, Said])
    ours: Ours | None = None
    seconds: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    """How long its parts took: `app`, `fault`, `claim`."""

    def errs(self, gate: str) -> bool:
        """Tell whether a gate is wrong about it."""
        said = self.gates.get(gate)
        return said is not None and said.accepted != (self.expect is Expect.ACCEPT)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    schema: int = SCHEMA
    cases: tuple[CaseResult, ...]
    lanes: int = 0
    seconds: float = 0.0

    @property
    def judged(self) -> Sequence[CaseResult]:
        """The cases that ran."""
        return [case for case in self.cases if not case.not_run]


def write(run: Run, path: Path) -> None:
    """Write a run as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(run), indent=1)
    path.write_bytes(text)
