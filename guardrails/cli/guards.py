"""Makes the guard of a run: in this process over sources of evidence, or at a service.

Either one is asked before the agent starts whether it can judge at all; what cannot be mended by
waiting ends the command there.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guardrails.cli.asking import terminal_asker
from guardrails.cli.printers import Printer
from guardrails.cli.sources import Opened, preflight
from guardrails.core.clock import SystemClock
from guardrails.core.hooks import Hook
from guardrails.core.incident import Incident
from guardrails.engine import Guard
from guardrails.gates.evidence_gate import EvidenceGate

if TYPE_CHECKING:
    from guardrails.policy.models import Settings
    from guardrails.sidecar.client import Endpoint

ASKED_FOR: Final = 86_400.0
"""Seconds that a terminal waits for an answer; the service's policy says when it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalGuard:
    """Guards in this process."""

    settings: "Settings"
    sources: Opened
    baseline: tuple[Path, ...] = ()
    manifests: tuple[Path, ...] = ()

    async def __call__(
        self, incident: Incident, *, hooks: Sequence[Hook], printer: Printer, stack: AsyncExitStack
    ) -> Guard:
        """Ask every source one question, and make the guard.

        Raises:
            SourceError: A source cannot be asked.
            UsageError: A namespace does not exist or is empty.
        """
        del stack  # whoever opened the sources closes them
        clock = SystemClock()
        has_baseline = bool(self.baseline or self.manifests)
        for warning in await preflight(self.sources, incident, has_baseline=has_baseline):
            printer.say(f"warning: {warning}")
        gate = EvidenceGate(
            reader=self.sources.cluster,
            prometheus=self.sources.prometheus,
            alertmanager=self.sources.alertmanager,
            settings=self.settings.gate,
            clock=clock,
            baselines=self.baseline,
            manifests=self.manifests,
        )
        return Guard(
            settings=self.settings,
            gate=gate,
            incident=incident,
            hooks=hooks,
            clock=clock,
            ask=terminal_asker(printer, seconds=self.settings.fsm.answer_within),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceGuard:
    """Guards by a service, which has the policy, the gate and the sources."""

    endpoint: "Endpoint"

    async def __call__(
        self, incident: Incident, *, hooks: Sequence[Hook], printer: Printer, stack: AsyncExitStack
    ) -> Guard:
        """Ask the service whether it is ready, and make the guard.

        Raises:
            ServiceError: It cannot be asked.
        """
        from guardrails.sidecar.client import RemoteGuard  # noqa: PLC0415  # not for a local run

        guard = RemoteGuard(
            self.endpoint,
            incident=incident,
            hooks=hooks,
            ask=terminal_asker(printer, seconds=ASKED_FOR, elsewhere=self.endpoint.url),
        )
        stack.callback(guard.close)
        for trouble in await asyncio.to_thread(guard.troubles):
            printer.say(f"warning: the guard is not ready: {trouble}")
        return guard


GuardMaker = LocalGuard | ServiceGuard
