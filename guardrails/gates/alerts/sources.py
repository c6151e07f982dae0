"""What the gate needs of an alert source, as protocols; the gate knows no HTTP client."""

from collections.abc import Sequence
from typing import Protocol

from guardrails.gates.snapshot import AlertmanagerState, PrometheusState


class PrometheusSource(Protocol):
    """Something that can be asked what Prometheus says."""

    async def read(self, *, queries: Sequence[str] = ()) -> PrometheusState:
        """Read alerts, rules and the answers to instant queries, at once.

        Returns:
            A state, always: what could not be read is marked in it.
        """
        ...


class AlertmanagerSource(Protocol):
    """Something that can be asked what Alertmanager says."""

    async def read(self) -> AlertmanagerState:
        """Read alerts and silences, without any filter; never raises."""
        ...
