"""Exit codes: one meaning each, the same for every command.

docs/reference/exit-codes.md lists them for people; a test holds the two together.
"""

from enum import IntEnum
from typing import assert_never

from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.errors import (
    GuardrailsError,
    InstallationConflict,
    RefusedError,
    ServiceError,
    SourceError,
    StoreError,
    UsageError,
)


class ExitCode(IntEnum):
    """What the exit code of `guarded-agent` says."""

    OK = 0
    """Resolved or diagnosed; `verify`: pass; others: done, nothing found wrong."""
    BUG = 1
    """An error that guarded-agent did not expect of itself."""
    USAGE = 2
    """Asked for something that cannot be done: options, TARGET, files, context, namespace."""
    UNRESOLVED = 3
    """The evidence speaks against it, or the agent gave up; `verify`: fail."""
    ESCALATED = 4
    """Handed to a person; `verify`: unknown."""
    UNVERIFIABLE = 5
    """Neither proved nor refuted; `verify`: pending when the wait was over."""
    ABORTED = 6
    """The agent broke off with an error."""
    SOURCE = 7
    """Kubernetes, Prometheus, Alertmanager, the guard's service or the store of runs cannot be
    reached or read; `doctor`: likewise."""
    DIFFERENT = 8
    """A replay came to another result than the one stored."""
    INTERRUPTED = 130
    """Ctrl-C (128 + SIGINT)."""
    READER_LEFT = 141
    """Whoever read standard output left before all was written (128 + SIGPIPE)."""
    TERMINATED = 143
    """Stopped by SIGTERM (128 + 15)."""


def of_outcome(outcome: Outcome) -> ExitCode:
    """Return the exit code of a run."""
    match outcome:
        case Outcome.RESOLVED | Outcome.DIAGNOSED:
            return ExitCode.OK
        case Outcome.UNRESOLVED:
            return ExitCode.UNRESOLVED
        case Outcome.ESCALATED:
            return ExitCode.ESCALATED
        case Outcome.UNVERIFIABLE:
            return ExitCode.UNVERIFIABLE
        case Outcome.ABORTED:
            return ExitCode.ABORTED
        case _:
            assert_never(outcome)


def of_verdict(verdict: GateVerdict) -> ExitCode:
    """Return the exit code of `verify`."""
    match verdict:
        case GateVerdict.PASS:
            return ExitCode.OK
        case GateVerdict.FAIL:
            return ExitCode.UNRESOLVED
        case GateVerdict.UNKNOWN:
            return ExitCode.ESCALATED
        case GateVerdict.PENDING:
            return ExitCode.UNVERIFIABLE
        case _:
            assert_never(verdict)


def of_error(error: GuardrailsError) -> ExitCode:
    """Return the exit code of an error that ends a command."""
    match error:
        case UsageError() | InstallationConflict() | RefusedError():
            return ExitCode.USAGE
        case SourceError() | ServiceError() | StoreError():
            return ExitCode.SOURCE
        case _:
            return ExitCode.BUG
