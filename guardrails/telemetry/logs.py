"""The log sink: one structured line per record, named like `guarded_agent.gate.reported`.

The hook writes to any structlog logger; the two functions give programs of ours JSON lines.
"""

import logging
from typing import Protocol, TextIO, cast

import structlog

from guardrails.core.hooks import Record
from guardrails.core.ids import RunId
from guardrails.telemetry.logentries import entry_of, is_of_every_turn


class Logger(Protocol):
    """The part of a structlog logger that is used here."""

    def log(self, level: int, event: str, /, **fields: object) -> object:
        """Write one entry."""
        ...


class SteadyStream:
    """A stream for lines beside the work: one that cannot be written is counted, and lost.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0
        """Writes that failed: the disk is full, or nobody reads any more."""

    def write(self, text: str) -> int:
        """Write, or count."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            self.lost += 1
            return len(text)

    def flush(self) -> None:
        """Flush, or count."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1


class StructlogHook:
    """Logs every record. Allowed calls are at debug, what the guard held at warning."""

    name = "structlog"

    def __init__(self, logger: Logger | None = None) -> None:
        """Take a logger; None for structlog's own, configured by the application."""
        self._logger = logger or cast("Logger", structlog.get_logger("guarded_agent"))

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Write one line; what the logger would drop is not put together."""
        if is_of_every_turn(record) and not self._writes_debug():
            return
        level, name, fields = entry_of(record)
        event = f"guarded_agent.{name}"
        self._logger.log(level, event, run=run, **fields)

    def _writes_debug(self) -> bool:
        """Ask each time, since programs configure structlog when they like."""
        ask = getattr(self._logger, "is_enabled_for", None)
        return ask is None or bool(ask(logging.DEBUG))


def json_logger(stream: TextIO, *, level: int = logging.INFO) -> Logger:
    """Make a logger that writes JSON lines to a stream, and configure nothing globally.

    Args:
        stream: Where to write; stays the caller's to close.
        level: Lowest level written, as in `logging`.
    """
    return cast(
        "Logger",
        structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=_processors(),
            wrapper_class=structlog.make_filtering_bound_logger(level),
        ).bind(),  # once, and not anew for each line, also of those that are not written
    )


def configure_json_logs(stream: TextIO, *, level: int = logging.INFO) -> None:
    """Make every structlog logger of this process write JSON lines to a stream.

    For programs: call it once, at the start.
    """
    structlog.configure(
        processors=_processors(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def _processors() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    ]
