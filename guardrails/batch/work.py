"""What a worker does: reads and tags a unit of work.

All that tagging needs is loaded with this module, and nothing else: several processes load it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import assert_never

from guardrails.batch.items import Asked, Item, Unread, our_bug
from guardrails.batch.lines import encode
from guardrails.batch.recorded import RecordedRun
from guardrails.batch.tagging import tag_run
from guardrails.batch.units import Files, Runs, read, unpacked
from guardrails.errors import UsageError


def tag_unit(unit: Files | Runs, asked: Asked) -> Iterator[Item]:
    """Yield the lines of a unit, in its order."""
    match unit:
        case Files():
            for path in unit.paths:
                yield from tag_file(path, asked)
        case Runs():
            for run in unit.runs:
                yield _tagged(unpacked(run), unit.source, asked)
        case _:
            assert_never(unit)


def tag_file(path: Path, asked: Asked) -> Iterator[Item]:
    """Yield the lines of one file; what stops the reading comes last."""
    for one in read(path):
        yield one if isinstance(one, Unread) else _tagged(one, str(path), asked)


def _tagged(run: RecordedRun, source: str, asked: Asked) -> Item:
    try:
        return encode(tag_run(run, source=source, modes=asked.modes, judge=asked.judge))
    except UsageError:
        raise  # a judge that cannot be set up is so for every run
    except Exception as error:  # noqa: BLE001  # one run must not cost the others
        return our_bug(source, f"{source}: run {run.run_id}", error)
