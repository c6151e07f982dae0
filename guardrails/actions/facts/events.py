"""`kubectl get events`: warnings, told of the objects that they are about."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from guardrails.actions.facts.fact import Place, Shown, shown
from guardrails.actions.kinds import kind_of

WARNINGS_READ: Final = 64
"""Most warnings read of one output; the last ones are the newest."""

_WARNING = re.compile(
    r"^(?P<before>[^\n]*?)\bWarning\s+(?P<reason>[A-Z]\w+)\s+"
    r"(?P<kind>[A-Za-z.]+)/(?P<name>[a-z0-9][-a-z0-9.]*)\s+(?P<said>[^\n]+)$",
    re.MULTILINE,
)
_HEADER = re.compile(r"^NAMESPACE\s+LAST SEEN", re.MULTILINE)


def warnings_in(text: str, *, namespace: str) -> Iterator[Shown]:
    """Yield the warnings of an events table, with or without its header.

    Args:
        text: The table.
        namespace: Of objects, where no column names it.
    """
    spaced = _HEADER.search(text) is not None
    found = list(islice(_WARNING.finditer(text), 4 * WARNINGS_READ))[-WARNINGS_READ:]
    for warning in found:
        before = warning["before"].split()
        space = before[0] if spaced and before else namespace
        place = Place(kind_of(warning["kind"]), space, warning["name"])
        yield shown(place, {f"event:{warning['reason']}": warning["said"]})
