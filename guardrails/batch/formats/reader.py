"""What a reader of a format is: how the format is told, and how its runs become events."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from guardrails.batch.formats.values import Json
from guardrails.batch.recorded import RecordedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReader:
    """Reads a format that holds a run in one JSON value."""

    name: str
    about: str
    """One line: what it is, and what it is told by."""
    is_run: Callable[[object], bool]
    read: Callable[[object, str], RecordedRun]
    """The value, and what to call the run if it has no id of its own."""
    general: bool = False
    """True where lines of other formats may look alike: then it is asked last, and believed only
    of whole files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReader:
    """Reads a format whose runs are spread over many JSON values: one event or span each."""

    name: str
    about: str
    is_part: Callable[[Json], bool]
    """Tells whether a value can only be of this format."""
    read: Callable[[Sequence[Json], str], Iterator[RecordedRun]]
    """All values of a file, and what to call a run that has no id of its own."""
    general: bool = False
    """As above."""
