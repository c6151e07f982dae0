"""Texts whose indentation is their structure: YAML of objects, and `kubectl describe`.

They are read line by line, not parsed: parsing YAML takes longer than the budget of a tool call,
and a description has no grammar. Every line keeps its words; whole blocks go.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from guardrails.hygiene.compression.fields import (
    DESCRIBED_RANKS,
    EMPTY_VALUES,
    GOOD_REASONS,
    RANKS,
    TELLING,
    VITAL,
    is_fine,
)
from guardrails.hygiene.compression.masks import Masks
from guardrails.hygiene.compression.pieces import NOTE_ROOM, Compressed, cut
from guardrails.hygiene.compression.prose import GAP_ROOM, gapped

_CONDITION = re.compile(r"\s+([A-Z][A-Za-z]+)\s+(True|False|Unknown)(?:\s+\S+)?\s*$")
_EVENT = re.compile(r"\s+(Normal|Warning)\s+(\S+)\s")
_FIRST = frozenset({"Name", "Status", "Image", "image", "phase"})
"""What is told of an object before anything else, its failures aside."""
CALM_PART: Final = 4
"""Part of the limit that fields have even if failures fill it."""


@dataclass(slots=True)
class _Line:
    text: str
    indent: int
    key: str = ""
    value: str = ""
    parent: int = -1


def shorter_outline(text: str, *, limit: int) -> Compressed:
    """Drop blocks rank by rank until the text fits; then pick lines by what they tell."""
    lines = _read(text)
    described = not text.startswith(("apiVersion", "kind", "---", "metadata", "items"))
    alive = [True] * len(lines)
    for rank in DESCRIBED_RANKS if described else RANKS:
        _drop(lines, alive, rank, described=described)
        if _room(lines, alive) <= limit - NOTE_ROOM:
            break
    kept = [line for line, lives in zip(lines, alive, strict=True) if lives]
    if _room(lines, alive) > limit - NOTE_ROOM:
        return _picked(text, limit=limit, lines=_read("\n".join(line.text for line in kept)))
    gone = len(lines) - len(kept)
    left_out = f"{gone} of {len(lines)} lines of little use" if gone else ""
    return Compressed(text="\n".join(line.text for line in kept), left_out=left_out)


def _read(text: str) -> list[_Line]:
    lines: list[_Line] = []
    open_lines: list[int] = []
    for at, raw in enumerate(text.split("\n")):
        bare = raw.lstrip()
        if not bare:
            lines.append(_Line(raw, 0))
            continue
        line = _Line(raw, len(raw) - len(bare) + bare.startswith("- "))
        line.key, line.value = _key_and_value(bare)
        # A dash stands in its list's column, and belongs to the key above it all the same.
        while open_lines and lines[open_lines[-1]].indent >= line.indent:
            open_lines.pop()
        line.parent = open_lines[-1] if open_lines else -1
        lines.append(line)
        open_lines.append(at)
    return lines


def _key_and_value(bare: str) -> tuple[str, str]:
    if bare.startswith("#"):
        return "", ""
    while bare.startswith("- "):
        bare = bare[2:]
    key, colon, value = bare.partition(": ")
    if colon:
        return key.strip('"'), value.strip()
    return (bare[:-1].strip('"'), "") if bare.endswith(":") else ("", "")


def _room(lines: Sequence[_Line], alive: Sequence[bool]) -> int:
    return sum(len(line.text) + 1 for line, lives in zip(lines, alive, strict=True) if lives)


def _drop(
    lines: Sequence[_Line], alive: list[bool], rank: frozenset[str], *, described: bool
) -> None:
    for at, line in enumerate(lines):
        above = line.parent >= 0 and not alive[line.parent]
        dashed = line.text.lstrip().startswith("- ")
        useless = line.key in rank or not line.text.strip()
        useless |= bool(
            line.key and line.value and line.value in EMPTY_VALUES and line.key not in TELLING
        )
        if above or (useless and not dashed) or (described and _is_well(line.text)):
            alive[at] = False
    if not described:
        for condition in _conditions(lines):
            for at in condition:
                alive[at] = False
    _drop_childless(lines, alive)


def _is_well(text: str) -> bool:
    condition = _CONDITION.match(text)
    if condition is not None:
        return is_fine(condition[1], condition[2])
    return "kube-api-access" in text or "/var/run/secrets/kubernetes.io" in text


def _conditions(lines: Sequence[_Line]) -> Iterator[range]:
    """Yield the places of each condition of a status that is as it should be."""
    at = 0
    while at < len(lines):
        if lines[at].key != "conditions":
            at += 1
            continue
        start = at = at + 1
        while at < len(lines) and lines[at].text.lstrip().startswith("- "):
            start, at = at, at + 1
            while at < len(lines) and not lines[at].text.lstrip().startswith("- "):
                if lines[at].indent < lines[start].indent:
                    break
                at += 1
            told = {line.key: line.value.strip('"') for line in lines[start:at]}
            if is_fine(told.get("type", ""), told.get("status", "")):
                yield range(start, at)


def _drop_childless(lines: Sequence[_Line], alive: list[bool]) -> None:
    """Drop lines that only headed what was dropped."""
    living = [0] * len(lines)
    had = [0] * len(lines)
    for at in range(len(lines) - 1, -1, -1):
        if had[at] and not living[at] and not lines[at].value and lines[at].key:
            alive[at] = False
        parent = lines[at].parent
        if parent >= 0:
            had[parent] += 1
            living[parent] += alive[at]


def _picked(text: str, *, limit: int, lines: Sequence[_Line]) -> Compressed:
    """Pick lines: failures, fields that a diagnosis rests on, then the rest, with their parents."""
    whole = text.count("\n") + 1
    texts = [cut(line.text.replace("   ", "  "), limit=limit) for line in lines]
    tiers: tuple[list[int], list[int], list[int]] = ([], [], [])
    masks = Masks()
    for at, line in enumerate(lines):
        named = line.key == "name" and line.parent >= 0 and lines[line.parent].key == "metadata"
        tiers[_tier(line, masks, named=named)].append(at)
    chosen: set[int] = set()
    room = 2 * limit - NOTE_ROOM
    spent = 0
    seen: set[str] = set()
    for tier, places in enumerate(tiers):
        if tier == 1:
            room = min(max(limit - NOTE_ROOM, spent + limit // CALM_PART), room)
        for at in places:
            if room - spent < GAP_ROOM:
                break
            if tier == 0:
                template, _ = masks.template(lines[at].text)
                if template in seen:
                    continue
                seen.add(template)
            needed = [at, *_above(lines, at)]
            needed = [place for place in needed if place not in chosen]
            need = sum(len(texts[place]) + 1 for place in needed) + GAP_ROOM // 2
            if spent + need <= room:
                chosen.update(needed)
                spent += need
    shown = gapped(texts, chosen, what="lines")
    dense = "\n".join(line for line in shown.text.split("\n") if not line.startswith("… "))
    return Compressed(text=dense, left_out=f"{whole - len(chosen)} of {whole} lines")


def _tier(line: _Line, masks: Masks, *, named: bool) -> int:
    if named or line.key in _FIRST:
        return 0
    if line.text.lstrip().startswith("#"):
        return 2
    event = _EVENT.match(line.text)
    if event is not None:
        return 2 if event[1] == "Normal" and event[2] in GOOD_REASONS else 0
    if masks.weight(line.text) or (line.key == "Exit Code" and line.value != "0"):
        return 0
    return 1 if line.key in VITAL else 2


def _above(lines: Sequence[_Line], at: int) -> Iterator[int]:
    parent = lines[at].parent
    while parent >= 0:
        yield parent
        parent = lines[parent].parent
