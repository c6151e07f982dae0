"""What the service tells of itself beside its runs: looks, rights, tokens, timers that failed."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from guardrails.core.clock import Clock
from guardrails.errors import GuardrailsError
from guardrails.gates.reference import Recorded, RecordedAs
from guardrails.hygiene.redact import redacted
from guardrails.sidecar.identity import Identity
from guardrails.telemetry.logs import Logger

RETRY_SECONDS: Final = 30.0
"""Pause after a timer failed."""


class Reports:
    """Logs and counts what happens to the service.

    Args:
        logger: Where lines go; None logs nothing.
        registry: Where metrics go; None counts nothing.
    """

    def __init__(self, logger: Logger | None, registry: CollectorRegistry | None) -> None:
        self._logger = logger
        self._looks = Counter(
            "guarded_agent_reference_looks",
            "Looks of the continuous reference, by what became of them.",
            ("outcome",),
            registry=registry,
        )
        self._looked = Gauge(
            "guarded_agent_reference_last_good_timestamp_seconds",
            "When the reference was last known to be so, by a look that read everything.",
            registry=registry,
        )
        self._failed = Counter(
            "guarded_agent_timer_failures",
            "Rounds of the service's own timers that failed, by timer.",
            ("timer",),
            registry=registry,
        )
        self._may_write = Gauge(
            "guarded_agent_identity_may_write",
            "1 when the guard's identity may change the cluster.",
            registry=registry,
        )
        self._missing = Gauge(
            "guarded_agent_identity_missing_reads",
            "Lists that are needed and that the guard's identity may not read.",
            registry=registry,
        )
        for outcome in RecordedAs:
            self._looks.labels(outcome.value)  # from 0, so that the first one is an increase

    def say(self, level: int, event: str, **fields: object) -> None:
        """Write one line."""
        if self._logger is not None:
            said = {k: redacted(v) if isinstance(v, str) else v for k, v in fields.items()}
            name = f"guarded_agent.{event}"
            self._logger.log(level, name, **said)

    def looked(self, recorded: Recorded) -> None:
        """Take one look of the reference."""
        self._looks.labels(recorded.outcome.value).inc()
        skipped = recorded.outcome is RecordedAs.SKIPPED
        if not skipped:
            self._looked.set(recorded.at.timestamp())
        self.say(
            logging.WARNING if recorded.trouble else logging.INFO,
            f"reference.{recorded.outcome.value}",
            file=recorded.path.name if recorded.path is not None else "",
            mark=recorded.mark.value if recorded.mark is not None else "",
            wrong=len(recorded.wrong),
            removed=recorded.removed,
            trouble=recorded.trouble,
        )

    def stood_by(self, *, first: bool) -> None:
        """Take that another replica records."""
        self.say(logging.INFO if first else logging.DEBUG, "reference.recorded_elsewhere")

    def identified(self, identity: Identity) -> None:
        """Take what the guard's identity may do, when that is news."""
        self._may_write.set(1 if identity.writes else 0)
        self._missing.set(len(identity.blind))
        for line in identity.warnings():
            self.say(logging.WARNING, "identity.warning", detail=line)
        if identity.writes:
            self.say(logging.ERROR, "identity.may_write", detail=identity.refusal())

    def tokens_unread(self, trouble: str) -> None:
        """Take that a changed file of tokens cannot be read."""
        self.say(logging.ERROR, "tokens.unread", detail=trouble)

    async def every(
        self, seconds: float, name: str, work: Callable[[], Awaitable[None]], *, clock: Clock
    ) -> None:
        """Do something again and again until cancelled; a round that fails is told and counted.

        Args:
            seconds: Pause between two rounds.
            name: Of the timer.
            work: One round.
            clock: Where the time comes from.
        """
        while True:
            await self.surviving(name, work)
            await clock.sleep(seconds)

    async def surviving(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Do something, and tell when it fails.

        Returns:
            Whether it went well.
        """
        try:
            await work()
        except GuardrailsError as error:
            self._failed.labels(name).inc()
            self.say(logging.ERROR, "timer.failed", timer=name, detail=str(error))
        except Exception as error:  # noqa: BLE001  # a timer must outlive whatever befalls it
            self._failed.labels(name).inc()
            self.say(logging.ERROR, "timer.failed", timer=name, detail=repr(error), exc_info=True)
        else:
            return True
        return False


class ProxyCounts(Collector):
    """Shows what the model proxy counts.

    Args:
        counts: What came of requests since the start.
    """

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the counts as they are now."""
        found = CounterMetricFamily(
            "guarded_agent_proxy_outcomes",
            "What came of requests to the model proxy, by outcome.",
            labels=("outcome",),
        )
        for outcome, count in sorted(self._counts().items()):
            found.add_metric([outcome], count)
        yield found


class LogBridge(logging.Handler):
    """Writes what libraries log, and what is logged with a traceback, as lines of ours.

    Args:
        reports: Where to.
    """

    def __init__(self, reports: Reports) -> None:
        super().__init__(level=logging.WARNING)
        self._reports = reports

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self._reports.say(
                record.levelno,
                "log",
                logger=record.name,
                detail=record.getMessage(),
                exc_info=record.exc_info or False,
            )
        except Exception:  # noqa: BLE001  # as every handler does: a log must not break the work
            self.handleError(record)
