"""What became of each mutant, as mutmut noted it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec


class Outcome(StrEnum):
    """Of one mutant."""

    TESTS = "tests"
    """A test failed, or never ended."""
    TYPES = "types"
    """The type checker, which every change must pass, refuses it."""
    SURVIVED = "survived"
    UNTRIED = "untried"
    """No test runs the function, or mutmut stopped before."""


_FAILED, _INTERNAL, _TYPES = 1, 3, 37
_TIMES_OUT = frozenset({-24, 24, 36, 152, 255})
"""Out of processor time: the mutant loops for ever."""


class _Meta(msgspec.Struct, frozen=True):
    exit_code_by_key: dict[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mutant."""

    name: str
    """As mutmut calls it: `guardrails.gates.….x_judge__mutmut_3`."""
    module: str
    outcome: Outcome


def read_outcomes(folder: Path, targets: Sequence[str]) -> list[Mutant]:
    """Read what mutmut noted beside each mutated module."""
    found: list[Mutant] = []
    for target in targets:
        meta = folder / "mutants" / f"{target}.meta"
        codes = msgspec.json.decode(meta.read_bytes(), type=_Meta).exit_code_by_key
        found += [
            Mutant(name=name, module=target, outcome=outcome_of(code))
            for name, code in sorted(codes.items())
        ]
    return found


def outcome_of(code: int | None) -> Outcome:
    """Read an exit code of mutmut's.

    >>> [str(outcome_of(code)) for code in (0, 1, 37, None)]
    ['survived', 'tests', 'types', 'untried']
    """
    if code == 0:
        return Outcome.SURVIVED
    if code == _TYPES:
        return Outcome.TYPES
    return Outcome.TESTS if code in {_FAILED, _INTERNAL} | _TIMES_OUT else Outcome.UNTRIED


def killed_share(mutants: Iterable[Mutant]) -> float:
    """Return how many of the mutants are caught, in [0, 1]; 1 when there are none."""
    counts = Counter(mutant.outcome for mutant in mutants)
    total = counts.total()
    return (counts[Outcome.TESTS] + counts[Outcome.TYPES]) / total if total else 1.0


def rows(mutants: Sequence[Mutant]) -> list[Mapping[str, object]]:
    """Return a row per module, and one for all."""
    by_module: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_module.setdefault(mutant.module, []).append(mutant)
    return [_row(name, some) for name, some in (*by_module.items(), ("all", list(mutants)))]


def _row(name: str, mutants: Sequence[Mutant]) -> Mapping[str, object]:
    counts = Counter(mutant.outcome for mutant in mutants)
    return {
        "module": name.removeprefix("guardrails/gates/"),
        "mutants": len(mutants),
        **{f"by {one}": counts[one] for one in (Outcome.TESTS, Outcome.TYPES)},
        **{str(one): counts[one] for one in (Outcome.SURVIVED, Outcome.UNTRIED)},
        "killed": f"{100 * killed_share(mutants):.1f} %",
    }
