"""The manifest of an output: what its rows were made of, and which parts hold them.

It is written before the work begins, and again when all of it is done. In between, each unit's
record says that it is done. So the same command goes on where it stopped, and a command that asks
for something else, or whose inputs changed, is told so instead of mixing rows.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from guardrails.batch.scale.places import Place
from guardrails.batch.scale.plan import Unit
from guardrails.batch.scale.settings import Settings
from guardrails.batch.scale.work import QUARANTINE, RECORDS, Done, quarantine_of
from guardrails.errors import UsageError

MANIFEST: Final = "_manifest.json"
MANIFEST_SCHEMA: Final = 1
QUARANTINE_FILE: Final = "_quarantine.jsonl"
"""Underscores keep readers of data sets (Arrow, Spark, DuckDB by pattern) from taking it for one
of the parts."""
_OWN = (MANIFEST, QUARANTINE_FILE, f"{RECORDS}/", f"{QUARANTINE}/")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an output was made of."""

    settings: Settings
    digest: str
    """Of settings and units: names this work."""
    units: tuple[Unit, ...]
    """Every piece of every input: file, row groups or bytes, size and version."""
    complete: bool = False
    done: tuple[Done, ...] = ()
    """The parts that hold each unit; empty until all is done."""
    schema: int = MANIFEST_SCHEMA


def manifest_for(units: Sequence[Unit], settings: Settings) -> Manifest:
    """Return the manifest of work that has not begun."""
    digest = sha256(msgspec.json.encode([settings, units])).hexdigest()
    return Manifest(settings=settings, digest=digest, units=tuple(units))


def begun(output: Place, wanted: Manifest) -> Manifest:
    """Return the manifest that an output has, or give it the one that is wanted.

    Raises:
        UsageError: The output holds something else, or rows of other inputs or settings.
    """
    found = manifest_in(output)
    if found is None and output.files.isfile(output.path):
        raise UsageError(f"--output {output.url}: this is a file; name a folder")
    if found is None:
        others = [one.path.removeprefix(output.path).lstrip("/") for one in output.inside()]
        if foreign := [one for one in others if not one.startswith(_OWN)]:
            raise UsageError(
                f"--output {output.url}: the folder holds {foreign[0]} already, and no "
                f"{MANIFEST}: name an empty one"
            )
        output.at(MANIFEST).put(msgspec.json.encode(wanted))
        return wanted
    if found.digest != wanted.digest:
        raise UsageError(
            f"--output {output.url}: it holds rows of other work: {_difference(found, wanted)}. "
            "Ask for the same again to go on with it, or name another folder"
        )
    return found


def manifest_in(output: Place) -> Manifest | None:
    """Return the manifest of a folder; None where it has none.

    Raises:
        UsageError: It cannot be read, or is of a newer version.
    """
    data = output.at(MANIFEST).read()
    if data is None:
        return None
    where = output.at(MANIFEST).url
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema > MANIFEST_SCHEMA:
            raise UsageError(
                f"{where}: written by a newer guarded-agent (schema {schema}); bring this one up"
            )
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise UsageError(f"{where}: no manifest of `guarded-agent tag`: {error}") from error


def records(output: Place, manifest: Manifest) -> dict[int, Done]:
    """Return the records of the units that are done.

    Those of other work, left by who had the folder before, are none.
    """
    if manifest.complete:
        return {one.unit: one for one in manifest.done}
    folder = output.at(RECORDS)
    found: dict[int, Done] = {}
    for stored in folder.inside():
        done = msgspec.json.decode(folder.files.cat_file(stored.path), type=Done)
        if done.digest == manifest.digest:
            found[done.unit] = done
    return found


def completed(output: Place, manifest: Manifest, done: Iterable[Done]) -> Manifest:
    """Put the whole manifest and the quarantine in place, and remove what stood for them."""
    ordered = tuple(sorted(done, key=lambda one: one.unit))
    whole = msgspec.structs.replace(manifest, complete=True, done=ordered)
    if not manifest.complete:
        _put_quarantine(output, ordered)
        output.at(MANIFEST).put(msgspec.json.encode(whole))
    for folder in (RECORDS, QUARANTINE):
        output.at(folder).remove()
    output.sweep()
    return whole


def _put_quarantine(output: Place, done: Iterable[Done]) -> None:

    parts = [quarantine_of(output, one.unit).read() or b"" for one in done if one.bad]
    if parts:
        output.at(QUARANTINE_FILE).put(b"".join(parts))


class _Schema(msgspec.Struct):
    schema: int


def _difference(found: Manifest, wanted: Manifest) -> str:
    """Say in a few words what is not the same."""
    for name in Settings.__struct_fields__:
        then, now = getattr(found.settings, name), getattr(wanted.settings, name)
        if then != now:
            return f"its {name} was {_shown(then)} and is {_shown(now)} now"
    before = {(one.source, one.size, one.version) for one in found.units}
    now_ = {(one.source, one.size, one.version) for one in wanted.units}
    if changed := sorted(before ^ now_):
        return f"the inputs are not the same, {changed[0][0]} among others"
    return "its inputs were cut differently"


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode()
