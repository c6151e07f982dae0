"""Which files a command line means: those that it names, and those in folders that it names."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from guardrails.batch.items import Unread
from guardrails.batch.reading import Passed, files_in
from guardrails.errors import TraceError


def trace_files(paths: Iterable[Path]) -> Iterator[Path | Passed | Unread]:
    """Yield the files in the order of the command line; those of a folder sorted by path.

    A file that is named itself is yielded whatever it holds: reading it says what is wrong. In a
    folder, what is plainly no trace is passed over, and yielded as such.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        try:
            folder = files_in(path)
        except TraceError as error:
            yield Unread(source=str(path), said=" ".join(str(error).split()))
            continue
        yield from folder.passed
        yield from folder.traces
