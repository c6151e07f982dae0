"""What has to be so before ends can be judged: each a named check that says in a line what is not.

Nothing here is kept from request to request; whoever asks remembers the answers for a while.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from guardrails.errors import GuardrailsError, UsageError
from guardrails.gates.alerts.alertmanager import AlertmanagerReader
from guardrails.gates.alerts.prometheus import PrometheusReader
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.snapshot import ListKey, Read
from guardrails.sidecar.auth.tokens import TokenFiles
from guardrails.sidecar.identity import Identity, examine_identity, insist

EXAMINE_AGAIN_SECONDS: Final = 300.0
"""How long it is believed what the identity may do: rights change when people change them."""
MISSING_AGAIN_SECONDS: Final = 15.0
"""The same while something is missing, because somebody is about to grant it."""

NO_POD: Final = "guarded-agent-readiness"
"""Asked for by name, so that a list of thousands need not travel for each probe; the right that it
takes is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCheck:
    """One thing that has to be so."""

    name: str
    run: Callable[[], Awaitable[None]]

    async def check(self) -> None:
        """Return when all is well; raise `NotReadyError` with a line that says what is not."""
        await self.run()


class NotReadyError(GuardrailsError):
    """Something that judging needs is not there now."""


class IdentityCheck:
    """Whether the identity may read what is needed, and change nothing.

    Args:
        cluster: The cluster.
        namespaces: The scope.
        allow_write: Whether it may change something.
        ignored: Kinds that the policy leaves unread.
        more: Custom resources that it reads besides.
        on_change: Told when what it may do has changed.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        cluster: KubernetesReader,
        namespaces: Sequence[str],
        *,
        allow_write: bool,
        ignored: Sequence[str] = (),
        more: Sequence[str] = (),
        on_change: Callable[[Identity], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._namespaces = tuple(namespaces)
        self._allow_write = allow_write
        self._ignored, self._more = tuple(ignored), tuple(more)
        self._on_change = on_change
        self._clock = clock
        self._known: Identity | None = None
        self._until = float("-inf")

    name = "identity"

    async def examined(self) -> Identity:
        """Find out what the identity may do, unless that was done lately.

        Raises:
            PermanentSourceError: The credentials are refused.
        """
        if self._known is None or self._clock() >= self._until:
            found = await examine_identity(
                self._cluster, self._namespaces, ignored=self._ignored, more=self._more
            )
            if found != self._known:
                self._on_change(found)
            settled = not found.blind and not found.unknown
            seconds = EXAMINE_AGAIN_SECONDS if settled else MISSING_AGAIN_SECONDS
            self._known, self._until = found, self._clock() + seconds
        return self._known

    async def check(self) -> None:
        """Raise `NotReadyError` unless the identity is as it must be."""
        try:
            found = await self.examined()
            insist(found, allow_write=self._allow_write)
        except (GuardrailsError, UsageError) as error:
            raise NotReadyError(str(error)) from error
        if found.blind:
            first, *others = found.blind
            more = f" (and {len(others)} more)" if others else ""
            raise NotReadyError(f"the guard has no right to {first}{more}: run doctor --serve")


def source_checks(
    cluster: KubernetesReader,
    namespaces: Sequence[str],
    *,
    prometheus: PrometheusReader | None,
    alertmanager: AlertmanagerReader | None,
) -> tuple[NamedCheck, ...]:
    """Return checks that really read each source: pods, rules and silences."""

    async def kubernetes() -> None:
        for namespace in namespaces:
            found = await cluster.list(ListKey(kind="Pod", namespace=namespace, name=NO_POD))
            _insist(found.read)

    async def alerts(source: PrometheusReader) -> None:
        state = await source.read()
        _insist(state.alerts_read, state.rules_read)

    async def routed(source: AlertmanagerReader) -> None:
        state = await source.read()
        _insist(state.alerts_read, state.silences_read)

    found = [NamedCheck(name="kubernetes", run=kubernetes)]
    if prometheus is not None:
        found.append(NamedCheck(name="prometheus", run=lambda: alerts(prometheus)))
    if alertmanager is not None:
        found.append(NamedCheck(name="alertmanager", run=lambda: routed(alertmanager)))
    return tuple(found)


def tokens_check(tokens: TokenFiles) -> NamedCheck:
    """Return a check that the files of tokens are read as they are."""

    async def check() -> None:
        if tokens.trouble:
            raise NotReadyError(f"{tokens.trouble}; the tokens of before are still good")

    return NamedCheck(name="tokens", run=check)


def _insist(*reads: Read) -> None:
    for read in reads:
        if not read.ok:
            raise NotReadyError(read.message)
