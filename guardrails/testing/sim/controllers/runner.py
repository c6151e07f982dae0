"""Runs the controllers: each only when something that it reads changed, or its time has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from guardrails.testing.sim.store import Store


class Controller(Protocol):
    """One control loop."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The kinds whose changes call for a step."""
        ...

    def step(self, now: float) -> float | None:
        """Reconcile once at `now` (monotonic seconds); returns when to be called next at latest."""
        ...


@dataclass(slots=True, kw_only=True)
class _Slot:
    controller: Controller
    seen: int = -1
    due: float | None = None


class Runner:
    """Steps a fixed list of controllers in order."""

    def __init__(self, store: Store, controllers: Sequence[Controller]) -> None:
        self._store = store
        self._slots = [_Slot(controller=one) for one in controllers]

    def step(self, now: float) -> bool:
        """Run every controller that has something to do; whether any object changed."""
        with self._store.lock:
            before = self._store.version
            for slot in self._slots:
                touched = self._store.touched(slot.controller.reads)
                late = slot.due is not None and slot.due <= now
                if touched == slot.seen and not late:
                    continue
                # Noted before the step: what the step itself writes calls it once more.
                slot.seen = touched
                slot.due = slot.controller.step(now)
            return self._store.version != before

    def next_due(self) -> float | None:
        """When the earliest timer rings, if any is set."""
        return min((slot.due for slot in self._slots if slot.due is not None), default=None)
