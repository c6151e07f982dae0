"""What a worker does: tags a unit and puts its parts in place, with a record of them at last.

Only the record makes a unit done. A worker that dies before leaves parts that nobody counts; they
have the names that they will have again, so the next attempt overwrites them.
"""

from collections.abc import Iterator
from functools import partial

import msgspec

from guardrails.batch.items import our_bug
from guardrails.batch.lines import TaggedRun
from guardrails.batch.scale.parts import Parts, Written
from guardrails.batch.scale.places import Place, place_of
from guardrails.batch.scale.plan import Unit
from guardrails.batch.scale.rows import Broken, Row, rows_of
from guardrails.batch.scale.settings import Settings
from guardrails.batch.tagging import tag_run
from guardrails.core.mast import FailureMode
from guardrails.errors import UsageError
from guardrails.hygiene.redact import redacted

RECORDS = "_units"
QUARANTINE = "_quarantine"
SHOWN = 2_000
"""Characters of a broken row that the quarantine shows."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What all units of a command have in common."""

    output: str
    digest: str
    """Of settings and inputs: a record of other work is none of this."""
    settings: Settings


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a unit that is done."""

    unit: int
    digest: str
    rows: int
    bad: int
    bugs: int
    parts: tuple[Written, ...]


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the quarantine: a row of which there is no tagged run."""

    source: str
    row: str
    reason: str
    size: int
    """Bytes of the row."""
    text: str
    """How it begins, without secrets; bytes that are no text are escaped."""
    bug: bool


def record_of(output: Place, number: int) -> Place:
    """Return where the record of a unit is."""
    return output.at(f"{RECORDS}/{number:05d}.json")


def quarantine_of(output: Place, number: int) -> Place:
    """Return where the broken rows of a unit are."""
    return output.at(f"{QUARANTINE}/{number:05d}.jsonl")


def do_unit(unit: Unit, job: Job) -> Done:
    """Tag a unit, put what comes of it in place, and return its record.

    Raises:
        UsageError: The unit's file is another one by now, or the judge cannot be set up.
    """
    output = place_of(job.output)
    parts = Parts(output, number=unit.number, form=job.settings.form, by=job.settings.partition_by)
    bad: list[bytes] = []
    rows = bugs = 0
    for found in tagged_rows(unit, job.settings):
        if isinstance(found, TaggedRun):
            rows += 1
            parts.add(found)
        else:
            bad.append(msgspec.json.encode(quarantined(found, unit.source)) + b"\n")
            bugs += found.bug
    written = parts.written()
    if bad:
        quarantine_of(output, unit.number).put(b"".join(bad))
    done = Done(
        unit=unit.number, digest=job.digest, rows=rows, bad=len(bad), bugs=bugs, parts=written
    )
    record_of(output, unit.number).put(msgspec.json.encode(done))
    return done


def tagged_rows(unit: Unit, settings: Settings) -> Iterator[TaggedRun | Broken]:
    """Yield the rows of a unit, tagged: this alone is what engines differ in calling."""
    for row in rows_of(unit, settings.columns):
        yield row if isinstance(row, Broken) else tagged_row(row, unit.source, settings)


def tagged_row(row: Row, source: str, settings: Settings) -> TaggedRun | Broken:
    """Tag one row; what is wrong with it costs no other."""
    modes = frozenset(map(FailureMode, settings.modes))
    tag = partial(tag_run, source=source, modes=modes, judge=settings.judge)
    try:
        return tag(row.run)
    except UsageError:
        raise  # a judge that cannot be set up is so for every run
    except Exception as error:  # noqa: BLE001  # as above
        reason = our_bug(source, f"run {row.run.run_id}", error).said
        return Broken(name=row.name, reason=reason, bug=True)


def quarantined(broken: Broken, source: str) -> Quarantined:
    """Return the line of a broken row."""
    return Quarantined(
        source=source,
        row=broken.name,
        reason=redacted(broken.reason),
        size=broken.size,
        text=redacted(broken.data.decode("utf-8", "backslashreplace"))[:SHOWN],
        bug=broken.bug,
    )
