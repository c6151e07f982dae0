"""To which conversation a request belongs.

The rules, in their order; the first one that finds something decides:

1. A request that continues a response by its id belongs to the conversation that was given it.
2. One that begins with all that is known of a conversation, and either has the same instructions or
   shares a call with it, goes on with it; of several the longest. So a request for a title, which
   quotes the task under other instructions, is not taken for the agent's.
3. One that was edited or has lost its beginning belongs to the conversation that knows at least
   half of its calls. Agents that make room cut old results first, and old turns next.
4. One that begins with the last request, and then goes another way, belongs to its conversation:
   a person broke the turn off and wrote something else.
5. One that holds the beginning of a summary which its model gave goes on from that summary.

A request that has no tools is only matched by 1 and 2, or by 3 and 4 under the same instructions:
otherwise it is a side-work of the same client, which quotes the conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guardrails.sidecar.proxy.history import History
from guardrails.sidecar.proxy.kept import Thread
from guardrails.sidecar.proxy.wire.base import Asked

_RULES = {"response": 5, "grown": 4, "edited": 3, "branched": 2, "summary": 1}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Match:
    """How well a request fits a conversation; the greater, the better."""

    rule: int
    same_root: bool
    size: int
    """Units or calls that are the same."""

    @property
    def known(self) -> int:
        """Units that stand in the request word for word, and are no news."""
        return self.size if self.rule in {_RULES["grown"], _RULES["branched"]} else 0


def match(thread: Thread, asked: Asked, history: History) -> Match | None:
    """Tell how a request fits a conversation; None where it does not.

    Args:
        thread: The conversation.
        asked: The request.
        history: Its conversation.
    """
    if asked.previous:
        fits = asked.previous in thread.responses or asked.previous in thread.aliases
        return Match(rule=_RULES["response"], same_root=True, size=0) if fits else None
    same_system = thread.system == history.system
    shared = len(history.calls.intersection(thread.calls))
    root = thread.root == history.root
    if _grown(thread, history) and (same_system or (shared and asked.tools)):
        return Match(rule=_RULES["grown"], same_root=root, size=thread.count)
    if not asked.tools and not same_system:
        return None
    if shared and shared * 2 >= len(history.calls):
        return Match(rule=_RULES["edited"], same_root=root, size=shared)
    if same_system and _branched(thread, history):
        return Match(rule=_RULES["branched"], same_root=root, size=thread.before)
    if asked.tools and any(history.holds(sign) for sign in thread.summaries):
        return Match(rule=_RULES["summary"], same_root=root, size=0)
    return None


def best(threads: Sequence[Thread], asked: Asked, history: History) -> tuple[int, Match] | None:
    """Return the place of the conversation that a request fits best, and how; None for none."""
    found = (
        (matched, at)
        for at, thread in enumerate(threads)
        if (matched := match(thread, asked, history)) is not None
    )
    top = max(found, default=None)
    return None if top is None else (top[1], top[0])


def _grown(thread: Thread, history: History) -> bool:
    """Tell whether a request begins with all that is known, or repeats the last request."""
    if thread.count and _at(history, thread.count) == thread.head:
        return True
    repeated = thread.given is not None and thread.given.request
    return bool(repeated) and thread.asked in history.fingerprints


def _branched(thread: Thread, history: History) -> bool:
    """Tell whether a request begins with the last one, and has no calls of somebody else's."""
    begins = bool(thread.before) and _at(history, thread.before) == thread.before_head
    return begins and history.calls.issubset(thread.calls)


def _at(history: History, count: int) -> str | None:
    return history.heads[count] if count < len(history.heads) else None
