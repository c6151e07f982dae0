"""Recordings in one compressed file: equal lists kept once, names of the run taken out.

`python -m benchmarks.gates.packing FOLDER` packs what a live run kept. The file is part of the
repository, so nothing of the machine may be in it: paths are replaced when they are recorded, and
uids and namespaces here, which also makes lists of different cases equal.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import msgspec

from benchmarks.gates.recording import Frame, Recording

SHIPPED = Path(__file__).resolve().parent / "recorded" / "states.json.xz"

NAMESPACE = "shop"
"""What every recorded namespace is called in a pack."""

_OF_THE_MACHINE = (
    (re.compile(rb'"CWD":"[^"]*"'), b'"CWD":"/lane"'),
    (re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----"), b"certificate"),
)
"""Where Prometheus was started, and the authority that every namespace is told."""

_NEUTRAL = b"00000000-0000-0000-0000-"
_UID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    recordings: tuple[Recording, ...]
    blobs: dict[str, tuple[str, ...]]
    """A list as the digests of its items, an answer as the digest of one."""
    items: dict[str, msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was read."""

    packed: Packed

    @property
    def recordings(self) -> Sequence[Recording]:
        """The cases."""
        return self.packed.recordings

    def blob(self, digest: str) -> bytes:
        """Return a list or an answer, as JSON."""
        kind, *parts = self.packed.blobs[digest]
        items = [bytes(self.packed.items[part]) for part in parts]
        return b"[" + b",".join(items) + b"]" if kind == "list" else items[0]

    def whole(self, recording: Recording) -> Recording:
        """Return a case with its lists, as it was before it was packed."""
        used = {
            digest
            for frame in recording.frames
            for table in (frame.lists, frame.prometheus, frame.alertmanager)
            for digest in table.values()
        }
        blobs = {digest: msgspec.Raw(self.blob(digest)) for digest in sorted(used)}
        return msgspec.structs.replace(recording, blobs=blobs)


def read_pack(path: Path = SHIPPED) -> Pack:
    """Read a pack."""
    return Pack(msgspec.json.decode(lzma.decompress(path.read_bytes()), type=Packed))


def write_pack(recordings: Iterable[Recording], path: Path) -> int:
    """Write a pack and return its size in bytes."""
    packing = _Packing()
    packed = Packed(
        recordings=tuple(packing.add(one) for one in recordings),
        blobs=packing.blobs,
        items=packing.items,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 27}]
    path.write_bytes(lzma.compress(msgspec.json.encode(packed), filters=filters))
    return path.stat().st_size


class _Packing:
    def __init__(self) -> None:
        self.blobs: dict[str, tuple[str, ...]] = {}
        self.items: dict[str, msgspec.Raw] = {}

    def add(self, recording: Recording) -> Recording:
        """Take a recording's lists in, and return it without them."""
        cleaner = _Cleaner(recording.namespace)
        digests = {
            old: self._blob(cleaner.clean(bytes(raw))) for old, raw in recording.blobs.items()
        }

        def renamed(table: dict[str, str]) -> dict[str, str]:
            return {cleaner.text(key): digests[value] for key, value in sorted(table.items())}

        frames = tuple(
            Frame(
                at=frame.at,
                mark=frame.mark,
                lists=renamed(frame.lists),
                prometheus=renamed(frame.prometheus),
                alertmanager=renamed(frame.alertmanager),
            )
            for frame in recording.frames
        )
        whole = msgspec.structs.replace(recording, frames=frames, blobs={})
        return msgspec.json.decode(cleaner.clean(msgspec.json.encode(whole)), type=Recording)

    def _blob(self, data: bytes) -> str:
        value: Any = msgspec.json.decode(data)
        is_list = isinstance(value, list)
        parts = [self._item(one) for one in (cast("list[Any]", value) if is_list else [value])]
        entry = ("list" if is_list else "one", *parts)
        digest = hashlib.sha256(repr(entry).encode()).hexdigest()[:10]
        self.blobs[digest] = entry
        return digest

    def _item(self, value: Any) -> str:
        data = msgspec.json.encode(value)
        digest = hashlib.sha256(data).hexdigest()[:10]
        self.items.setdefault(digest, msgspec.Raw(data))
        return digest


class _Cleaner:
    """Replaces what differs between two runs of one case."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace.encode()
        self._uids: dict[bytes, bytes] = {}

    def clean(self, data: bytes) -> bytes:
        """Return JSON with the names of the run replaced."""
        for pattern, neutral in _OF_THE_MACHINE:
            data = pattern.sub(neutral, data)
        return _UID.sub(self._uid, data.replace(self._namespace, NAMESPACE.encode()))

    def text(self, text: str) -> str:
        """Return a key with the names of the run replaced."""
        return self.clean(text.encode()).decode()

    def _uid(self, found: re.Match[bytes]) -> bytes:
        if found[0].startswith(_NEUTRAL):
            return found[0]  # of a case that was packed before
        number = len(self._uids) + 1
        return self._uids.setdefault(found[0], _NEUTRAL + b"%012d" % number)


def main() -> None:
    """Pack a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="by case id")
    parser.add_argument("--output", type=Path, default=SHIPPED)
    parser.add_argument(
        "--add", action="store_true", help="keep the other cases that are in the output already"
    )
    options = parser.parse_args()
    recordings = [
        msgspec.json.decode(path.read_bytes(), type=Recording)
        for path in sorted(options.folder.glob("*.json"))
    ]
    globs: list[str] = options.only
    kept = [r for r in recordings if not globs or any(fnmatchcase(r.id, g) for g in globs)]
    if options.add:
        pack, new = read_pack(options.output), {recording.id: recording for recording in kept}
        # In the old order: lists that are alike compress well when they stand close together.
        old = [new.pop(one.id, None) or pack.whole(one) for one in pack.recordings]
        kept = [*old, *new.values()]
    size = write_pack(kept, options.output)
    sys.stdout.write(f"{len(kept)} cases in {size / 2**20:.2f} MiB: {options.output}\n")


if __name__ == "__main__":
    main()
