"""Logs: lines of one kind are shown once and counted, and every kind of error is shown.

A kind is a template (`masks`). Its first real line stands for it, with the count and the time of
its last. Errors may fill twice the limit; what else happened fills what they leave of it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import msgspec

from guardrails.hygiene.compression.frames import belongs, kept
from guardrails.hygiene.compression.masks import Masks
from guardrails.hygiene.compression.pieces import NOTE_ROOM, Compressed, cut_long
from guardrails.hygiene.compression.wrong import DOUBTFUL, GRAVE

ENDS: Final = 2
"""Lines at both ends that are shown before rarer ones: how it started, and where it stands."""
CALM_PART: Final = 6
"""Part of the limit that harmless lines have even if errors fill it: they tell what was tried."""
SAMPLE: Final = 60
"""Lines looked at to tell whether a text is a log."""
_MOST_FRAMES: Final = 500
"""Lines that belong to one error; what goes on longer is no stack trace."""

_TIME = re.compile(
    r"\d{4}[-/](?:\d\d|[A-Z][a-z]{2})[-/]\d\d[T ](?P<iso>\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?)"
    r"|(?P<clock>\d\d:\d\d:\d\d(?:\.\d{1,9})?)"
    r"|\"(?:ts|time|timestamp)\":\s?\"?(?P<epoch>\d{10,13}(?:\.\d{1,3})?)"
)
_LEVEL = re.compile(
    r"\b(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL|NOTICE|INF|WRN|ERR|DBG)\b"
    r"|level=|\[(?:info|warn|error|debug|notice)\]|<(?:info|warning|error|debug)>|[IWEF]\d{4} "
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LEVELS = {
    **dict.fromkeys(("error", "err", "fatal", "panic", "critical", "e", "f", "dpanic"), GRAVE),
    **dict.fromkeys(("warn", "warning", "w"), DOUBTFUL),
}
_LEVEL_FIELDS = ("level", "lvl", "severity", "levelname", "log.level", "s")
_TEXT_FIELDS = ("msg", "message", "log", "event", "body")


@dataclass(slots=True)
class _Kind:
    """Lines with one template."""

    first: int
    """Place of its first line."""
    last: int
    """Place of its last."""
    heavy: int
    count: int = 1
    frames: list[str] = field(default_factory=list[str])


def is_log(lines: Sequence[str]) -> bool:
    """Tell whether lines look like a log: a third of a sample has a time, a level, or is JSON."""
    step = max(len(lines) // SAMPLE, 1)
    sample = [line for line in lines[::step] if line.strip()]
    told = sum(_looks_logged(line) for line in sample)
    return bool(told) and told * 3 >= len(sample)


def _looks_logged(line: str) -> bool:
    head = line[:80]
    if head.startswith('{"'):
        return True
    return _TIME.search(head) is not None or _LEVEL.search(head) is not None


def shorter_log(text: str, *, limit: int) -> Compressed:
    """Show each kind of line once.

    Args:
        text: Lines of a log.
        limit: Characters aimed at; lines that speak of failures may take twice as many.

    Returns:
        Kinds in the order of their first lines; `[x12, last 10:05:09]` after those that repeat.
    """
    lines = _COLOUR.sub("", text).split("\n") if "\x1b" in text else text.split("\n")
    kinds, total = _kinds(lines)
    wrong = [kind for kind in kinds if kind.heavy]
    entries = {id(kind): _entry(kind, lines, limit=limit) for kind in kinds}
    most = 2 * limit - NOTE_ROOM
    if _room(entries[id(kind)] for kind in wrong) > most:
        wrong = _merged(wrong, lines)
        entries |= {id(kind): _entry(kind, lines, limit=limit // 2) for kind in wrong}
    shown = _fitting(sorted(wrong, key=lambda kind: -kind.heavy), entries, room=most)
    spent = _room(entries[id(kind)] for kind in shown)
    room = min(max(limit - NOTE_ROOM - spent, limit // CALM_PART), most - spent)
    shown += _fitting(_by_interest(kinds, len(lines)), entries, room=room)
    shown.sort(key=lambda kind: kind.first)
    body = "\n".join(entries[id(kind)] for kind in shown)
    return Compressed(text=body, left_out=_told(shown, kinds, wrong, total=total))


def _told(
    shown: Sequence[_Kind], kinds: Sequence[_Kind], wrong: Sequence[_Kind], *, total: int
) -> str:
    gone = total - len(shown)
    if not gone:
        return ""
    hidden = sum(1 for kind in kinds if not kind.heavy) + len(wrong) - len(shown)
    kinds_said = f"{len(shown)} kinds shown" + (f", {hidden} not" if hidden else "")
    return f"{gone} of {total} log lines, {kinds_said}"


def _kinds(lines: Sequence[str]) -> tuple[list[_Kind], int]:
    masks = Masks()
    kinds: dict[str, _Kind] = {}
    total = 0
    above: _Kind | None = None
    head = ""
    for place, line in enumerate(lines):
        if not line or line.isspace():
            continue
        total += 1
        if above is not None and belongs(line, to=head):
            if above.first <= place and above.count == 1 and len(above.frames) < _MOST_FRAMES:
                above.frames.append(line)
            continue
        template, heavy = masks.template(line)
        if line[0] == "{":
            template, heavy = _of_json(line, template, heavy, masks)
        kind = kinds.get(template)
        if kind is None:
            if line[0] != "{":
                heavy = masks.weight(line)
            kind = kinds[template] = _Kind(first=place, last=place, heavy=heavy)
        else:
            kind.count += 1
            kind.last = place
        above, head = (kind, line) if kind.heavy else (None, "")
    return list(kinds.values()), total


def _of_json(line: str, template: str, heavy: int, masks: Masks) -> tuple[str, int]:
    """Read level and message of a JSON line; if it is harmless, its message alone is its kind."""
    try:
        read: object = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return template, heavy
    if not isinstance(read, dict):
        return template, heavy
    read = cast("dict[object, object]", read)
    level = _first(read, _LEVEL_FIELDS).lower()
    told = _LEVELS.get(level, 0)
    calm = bool(level) and not told
    if told or (heavy == GRAVE if calm else heavy):
        return template, max(told, min(heavy, DOUBTFUL) if calm else heavy)
    said = _first(read, _TEXT_FIELDS)
    return (f"{level} {masks.template(said)[0]}" if said else template), 0


def _first(read: dict[object, object], names: Iterable[str]) -> str:
    for name in names:
        value = read.get(name)
        if isinstance(value, str):
            return value
    return ""


def _entry(kind: _Kind, lines: Sequence[str], *, limit: int) -> str:
    line = lines[kind.first].rstrip("\r")
    suffix = ""
    if kind.count > 1:
        last = _time(lines[kind.last])
        suffix = f" [x{kind.count}{f', last {last}' if last else ''}]"
    entry = cut_long(line, limit=limit - NOTE_ROOM) + suffix
    for frame in kept(kind.frames):
        entry += "\n" + cut_long(frame, limit=limit)
    return entry


def _time(line: str) -> str:
    found = _TIME.search(line)
    return "" if found is None else next(part for part in found.groups() if part)


def _merged(kinds: Sequence[_Kind], lines: Sequence[str]) -> list[_Kind]:
    """Make fewer kinds of errors, when they are too many even for twice the limit."""
    masks = Masks()
    merged: dict[str, _Kind] = {}
    for kind in kinds:
        template = masks.coarse(lines[kind.first])
        same = merged.get(template)
        if same is None:
            merged[template] = kind
        else:
            same.count += kind.count
            same.last = max(same.last, kind.last)
            same.heavy = max(same.heavy, kind.heavy)
    return list(merged.values())


def _by_interest(kinds: Sequence[_Kind], end: int) -> list[_Kind]:
    """Order harmless kinds: both ends of the log, then the rarest."""
    calm = [kind for kind in kinds if not kind.heavy]
    ends = calm[:ENDS] + [kind for kind in calm[ENDS:] if kind.last >= end - ENDS - 1]
    chosen = {id(kind) for kind in ends}
    rest = [kind for kind in calm if id(kind) not in chosen]
    return ends + sorted(rest, key=lambda kind: kind.count)


def _room(entries: Iterable[str]) -> int:
    return sum(len(entry) + 1 for entry in entries)


def _fitting(kinds: Iterable[_Kind], entries: dict[int, str], *, room: int) -> list[_Kind]:
    fitting: list[_Kind] = []
    for kind in kinds:
        need = len(entries[id(kind)]) + 1
        if need <= room:
            fitting.append(kind)
            room -= need
    return fitting
