"""The ledger itself: what tools said, by object, as a value that a session keeps and stores.

`noting` fills it; `views` answers questions about it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from guardrails.actions.facts.fact import Seen

Looks = tuple[Seen, ...]
"""What calls said of one object, oldest first."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What tools said. A read copies only the groups that it shows, so most are shared."""

    groups: Mapping[str, Mapping[str, Looks]] = {}
    """`kind/namespace/` to the objects there, by `kind/namespace/name`; in both, what was seen
    last is at the end. Never changed in place."""

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def __contains__(self, key: str) -> bool:
        return key in self.groups.get(group_of(key), {})

    def items(self) -> list[tuple[str, Looks]]:
        """Return the key and the looks of every object, group by group."""
        return [item for group in self.groups.values() for item in group.items()]


NOTHING_SEEN: Final = Ledger()


def group_of(key: str) -> str:
    """Return the group that an object belongs to.

    >>> group_of("pod/shop/web-1")
    'pod/shop/'
    """
    return key[: key.index("/", key.index("/") + 1) + 1]
