"""Hooks: how a run is watched. A hook that fails is counted and never breaks the run.

The engine emits records; telemetry implements hooks. Neither knows the other.
"""

import contextlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from guardrails.core.decisions import Decision
from guardrails.core.events import Event
from guardrails.core.evidence import GateProgress
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.ids import RunId
from guardrails.core.outcome import Outcome


class RunEnded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="run_ended"):
    """The last record of every run."""

    run: RunId
    at: datetime
    outcome: Outcome
    reason: str = ""
    steps: int = 0
    tool_calls: int = 0
    refusals: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


Record = Event | Decision | Finding | FindingWithdrawn | GateProgress | RunEnded


class Hook(Protocol):
    """Receives every record of a run, in order, from one thread at a time per run."""

    @property
    def name(self) -> str:
        """Name of the sink, for counting its failures: `jsonl`, `structlog`, `prometheus`."""
        ...

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Take one record. Must not block for long; may raise."""
        ...


class TimingHook(Protocol):
    """Optional second face of a hook: receives what the guard's own work cost."""

    def on_timing(self, what: str, seconds: float, /) -> None:
        """Take the duration of one piece of the guard's work."""
        ...


class FailureHook(Protocol):
    """Optional third face: is told when another hook failed."""

    def on_sink_failure(self, sink: str, /) -> None:
        """Count one failure of the sink named."""
        ...


class HookSet:
    """Hands records to several hooks and survives each of them failing."""

    def __init__(self, hooks: Sequence[Hook] = ()) -> None:
        self._hooks = tuple((_name_of(hook), hook) for hook in hooks)
        self.failures: Counter[str] = Counter()
        """Failures by sink name."""

    def joined(self, hook: Hook) -> "HookSet":
        """Return these hooks and one more; failures are counted together.

        A second hook of one name is left out.
        """
        name = _name_of(hook)
        if any(known == name for known, _ in self._hooks):
            return self
        both = HookSet()
        both._hooks = (*self._hooks, (name, hook))
        both.failures = self.failures
        return both

    def emit(self, run: RunId, record: Record) -> None:
        """Give one record to every hook."""
        for name, hook in self._hooks:
            try:
                hook.on_record(run, record)
            except Exception:  # noqa: BLE001  # whatever a sink raises, the run goes on
                self.failed(name)

    def timing(self, what: str, seconds: float) -> None:
        """Give one duration to the hooks that take durations."""
        for name, hook in self._hooks:
            try:
                take = getattr(hook, "on_timing", None)
                if take is not None:
                    take(what, seconds)
            except Exception:  # noqa: BLE001  # as above
                self.failed(name)

    def failed(self, sink: str) -> None:
        """Count one failure of a sink, or of anything else that others brought."""
        self.failures[sink] += 1
        for name, hook in self._hooks:
            if name == sink:
                continue  # a broken counter cannot count itself; `failures` above still has it
            with contextlib.suppress(Exception):
                tell = getattr(hook, "on_sink_failure", None)
                if tell is not None:
                    tell(sink)


def _name_of(hook: Hook) -> str:
    """Ask a hook for its name once, before a run depends on the answer."""
    try:
        return str(hook.name)
    except Exception:  # noqa: BLE001  # a sink without a name is still a sink
        return type(hook).__name__
