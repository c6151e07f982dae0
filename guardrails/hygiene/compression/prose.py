"""Any other text: its head, its tail, and from the middle what speaks of failures."""

from collections.abc import Iterable, Sequence

from guardrails.hygiene.compression.masks import Masks
from guardrails.hygiene.compression.pieces import NOTE_ROOM, Compressed, cut_long

GAP_ROOM = 16
"""Characters of `… 1234 lines`, and of the line end."""


def shorter_prose(text: str, *, limit: int) -> Compressed:
    """Keep head and tail, and lines with words of failure from the middle up to twice the limit."""
    lines = [cut_long(line, limit=limit - NOTE_ROOM) for line in text.split("\n")]
    masks = Masks()
    wrong = [at for at, line in enumerate(lines) if line and masks.weight(line)]
    most = 2 * limit - NOTE_ROOM
    chosen = picked(lines, wrong, room=most)
    room = limit - NOTE_ROOM - GAP_ROOM - sum(len(lines[at]) + GAP_ROOM for at in chosen)
    chosen |= picked(lines, _from_ends(len(lines)), room=room, taken=chosen, to_the_first=True)
    shorter = gapped(lines, chosen, what="lines")
    if not shorter.left_out and len(shorter.text) < len(text):
        return Compressed(text=shorter.text, left_out="the middle of a long line")
    return shorter


def picked(
    lines: Sequence[str],
    places: Iterable[int],
    *,
    room: int,
    taken: set[int] | None = None,
    to_the_first: bool = False,
) -> set[int]:
    """Pick lines in the given order while they fit; each may need a gap before it."""
    chosen: set[int] = set()
    seen: set[str] = set()
    for at in places:
        if taken is not None and at in taken:
            continue
        line = lines[at].strip()
        if line in seen and not to_the_first:
            continue
        need = len(lines[at]) + (1 if to_the_first else GAP_ROOM)
        if not to_the_first:
            seen.add(line)
        elif need > room:
            break
        if need <= room:
            chosen.add(at)
            room -= need
    return chosen


def _from_ends(count: int) -> Iterable[int]:
    """Yield places from both ends inwards, two of the head for one of the tail."""
    head, tail = 0, count - 1
    while head <= tail:
        for _ in range(2):
            if head <= tail:
                yield head
                head += 1
        if head <= tail:
            yield tail
            tail -= 1


def gapped(lines: Sequence[str], chosen: set[int], *, what: str) -> Compressed:
    """Write the chosen lines in their order, with a note in each gap."""
    written: list[str] = []
    gap = gone = 0
    for at, line in enumerate(lines):
        if at not in chosen:
            gap += 1
            continue
        if gap:
            written.append(f"… {gap} {what}")
            gone += gap
            gap = 0
        written.append(line)
    gone += gap
    if gap:
        written.append(f"… {gap} {what}")
    left_out = f"{gone} of {len(lines)} {what}" if gone else ""
    return Compressed(text="\n".join(written), left_out=left_out)
