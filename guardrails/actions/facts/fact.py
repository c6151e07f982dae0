"""The values of the ledger: a fact, what one call said of one object, and how objects are named."""

from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from guardrails.core.ids import CallId

VALUE_LIMIT: Final = 120
"""Characters of a value. A status has 10 to 30; the head of an event's message fits."""

FACTS_LIMIT: Final = 24
"""Most facts of one object from one call. A description of a failing pod has 12 to 16."""

STATUS: Final = "status"
GONE: Final = "gone"
"""The status of an object that a whole list no longer shows, or that the server does not find."""

NO_CALL: Final = CallId("")

ALERT: Final = "alert"
METRIC: Final = "metric"
"""Kinds of what is no Kubernetes object."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a tool said of one object.

    >>> Fact(kind="pod", name="web-1", what="status", value="Pending", step=3).certain
    True
    """

    kind: str = ""
    """As `guardrails.actions.kinds` has them, `alert` or `metric`; empty if the output left it
    open."""
    namespace: str = ""
    """Empty for cluster-wide objects, and where neither call nor output named one."""
    name: str
    what: str
    """`status`, `ready`, `restarts`, `reason`, `exit-code`, `image`, `condition:Ready`,
    `event:BackOff`, `alert-state` and the like: `columns`, `objects`, `described` and `alerts`
    hold the words."""
    value: str
    """At most 120 characters."""
    step: int
    """The model's turn in which the call returned."""
    at: datetime | None = None
    call_id: CallId = NO_CALL
    changed_since: int = 0
    """The step of a later write that may have changed it; 0 if there was none."""

    @property
    def certain(self) -> bool:
        """True when nothing was changed since that could make it wrong."""
        return self.changed_since == 0


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one call said of one object: `what[i]` is `value[i]`; nothing, if only that it exists.

    A list of pods makes hundreds at once, so the facts of an object share one value. It holds no
    cycles, and costs a third less outside of Python's garbage collector.
    """

    what: tuple[str, ...] = ()
    value: tuple[str, ...] = ()
    step: int
    at: datetime | None = None
    call_id: CallId = NO_CALL
    changed_since: int = 0


Shown = tuple[str, tuple[str, ...], tuple[str, ...]]
"""What a text says of one object, before it is known who called and when: its key, and `what[i]`
is `value[i]`. A bare tuple, because a list of pods makes hundreds."""


class Place(NamedTuple):
    """What names an object."""

    kind: str
    namespace: str
    name: str


def key_of(kind: str, namespace: str, name: str) -> str:
    """Write what names an object as one text, the key of the ledger."""
    return f"{kind}/{namespace}/{name}"


def place_of(key: str) -> Place:
    """Read a key of the ledger.

    >>> place_of("pod/shop/web-1").namespace
    'shop'
    """
    kind, _, rest = key.partition("/")
    namespace, _, name = rest.partition("/")
    return Place(kind, namespace, name)


def clipped(value: str) -> str:
    """Bring a value into one line of at most 120 characters."""
    line = " ".join(value[: 4 * VALUE_LIMIT].split())
    return line if len(line) <= VALUE_LIMIT else line[: VALUE_LIMIT - 1] + "…"


def shown(place: Place, told: dict[str, str]) -> Shown:
    """Make what a text says of one object; empty values say nothing."""
    kept = [(what, clipped(value)) for what, value in told.items()]
    kept = [(what, value) for what, value in kept if value][:FACTS_LIMIT]
    return key_of(*place), tuple([w for w, _ in kept]), tuple([v for _, v in kept])
