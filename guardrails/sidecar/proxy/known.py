"""What conversations are known by, of the runs that were met lately.

A request may belong to any of hundreds of runs. By the rules of `matching` it must share something
with its conversation: what came before it, a call, a response, or a summary. So only those runs
that share something are looked at closer.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import msgspec

from guardrails.core.ids import RunId
from guardrails.sidecar.proxy.history import History
from guardrails.sidecar.proxy.kept import Delivery, Given, Kept, Thread
from guardrails.sidecar.proxy.wire.base import Asked

replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    kept: Kept
    order: int
    marks: frozenset[str]


class Known:
    """Runs, each with what its conversations are known by.

    Args:
        at_most: Runs that are remembered, the latest ones.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._runs: dict[RunId, _Entry] = {}
        """In the order in which they were met."""
        self._by_mark: defaultdict[str, set[RunId]] = defaultdict(set[RunId])
        self._summarised: set[RunId] = set()
        self._orders = count()

    def __contains__(self, run: RunId) -> bool:
        return run in self._runs

    def note(self, run: RunId, kept: Kept) -> None:
        """Remember what a run's conversations are known by; what they are is in its book."""
        if not kept.threads:
            return
        slim = tuple(
            replace(thread, hidden=(), pending=None, given=_slim(thread.given))
            for thread in kept.threads
        )
        before = self._runs.pop(run, None)
        known = frozenset[str]() if before is None else before.marks
        marks = frozenset[str]().union(*map(_marks, slim))
        kept = replace(kept, threads=slim, planned=())
        self._runs[run] = _Entry(kept=kept, order=next(self._orders), marks=marks)
        self._unmark(run, known - marks)
        for mark in marks - known:
            self._by_mark[mark].add(run)
        if any(thread.summaries for thread in slim):
            self._summarised.add(run)
        else:
            self._summarised.discard(run)
        while len(self._runs) > self._at_most:
            self._forget(next(iter(self._runs)))

    def likely(self, asked: Asked, history: History) -> Iterator[tuple[RunId, Kept]]:
        """Yield the runs that a request may belong to, those met last at the end."""
        found = set(self._summarised) if asked.tools else set[RunId]()
        for mark in self._by_mark.keys() & _marks_of(asked, history):
            found |= self._by_mark[mark]
        for run in sorted(found, key=lambda run: self._runs[run].order):
            yield run, self._runs[run].kept

    def _forget(self, run: RunId) -> None:
        entry = self._runs.pop(run)
        self._summarised.discard(run)
        self._unmark(run, entry.marks)

    def _unmark(self, run: RunId, marks: frozenset[str]) -> None:
        for mark in marks:
            runs = self._by_mark[mark]
            runs.discard(run)
            if not runs:
                del self._by_mark[mark]


def _marks(thread: Thread) -> set[str]:
    """Return what a request of a conversation shares with it, by any of the rules but summaries."""
    heads = filter(None, (thread.head, thread.before_head, thread.asked))
    return {*heads, *thread.calls, *thread.responses, *thread.aliases}


def _marks_of(asked: Asked, history: History) -> set[str]:
    if asked.previous:
        return {asked.previous}
    return {*history.heads[1:], *history.fingerprints, *history.calls}


def _slim(given: Given | None) -> Given | None:
    return None if given is None else replace(given, delivery=Delivery())
