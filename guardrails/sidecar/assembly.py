"""Puts the service together from its settings: store, gates, door, application, timers.

Nothing is asked of the cluster here, and nothing listens yet; whoever serves does both.
"""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware

from guardrails.core.clock import Clock, SystemClock
from guardrails.core.hooks import Hook
from guardrails.gates.alerts.alertmanager import AlertmanagerReader
from guardrails.gates.alerts.prometheus import PrometheusReader
from guardrails.gates.base import Gate
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.reference import find_snapshots, read_manifests
from guardrails.policy.models import Settings
from guardrails.sidecar.api.health import HealthApi, Readiness, StoreAnswers
from guardrails.sidecar.app import make_app
from guardrails.sidecar.auth.browsers import SignIns
from guardrails.sidecar.auth.middleware import Authentication
from guardrails.sidecar.auth.owned import OwnedRuns
from guardrails.sidecar.auth.tokenreview import TokenReviews
from guardrails.sidecar.auth.tokens import Authenticator, TokenFiles
from guardrails.sidecar.config import ServeSettings
from guardrails.sidecar.limits.middleware import Limits
from guardrails.sidecar.limits.sessions import SessionCounts
from guardrails.sidecar.measured import MeasuredRuns
from guardrails.sidecar.metrics import ServiceMetrics
from guardrails.sidecar.policies import Policies
from guardrails.sidecar.proxy.routes import Proxy
from guardrails.sidecar.readiness import IdentityCheck, source_checks, tokens_check
from guardrails.sidecar.reference import Recording, ReferencedGate
from guardrails.sidecar.reporting import ProxyCounts, Reports
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.ui.pages import Pages
from guardrails.sidecar.ui.routes import Ui

Timer = Callable[[], Awaitable[None]]
"""Runs until it is cancelled."""


class Readers(Protocol):
    """The sources of evidence, opened."""

    @property
    def cluster(self) -> KubernetesReader:
        """The cluster."""
        ...

    @property
    def prometheus(self) -> PrometheusReader | None:
        """The source of alerts."""
        ...

    @property
    def alertmanager(self) -> AlertmanagerReader | None:
        """The second one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the service works with and does not make itself."""

    readers: Readers
    store: RunStore
    reports: Reports
    hooks: Sequence[Hook] = ()
    registry: CollectorRegistry | None = None
    """Where metrics are; None for no page of them."""
    clock: Clock = field(default_factory=SystemClock)
    pages: Pages | None = None
    """What pages are made with; None for no pages, whatever the settings say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The service, before it serves."""

    app: Starlette
    service: Service
    probes: HealthApi
    identity: IdentityCheck
    timers: Sequence[Timer]
    warnings: tuple[str, ...] = ()
    """What a person should mend."""


def assemble(settings: ServeSettings, outside: Outside) -> Assembled:
    """Put the service together.

    Raises:
        UsageError: A policy, a baseline, a manifest or a file of tokens is wrong.
    """
    policies = Policies(settings.policies)
    usual = policies.choose("", "")
    namespaces = scope_of(settings, outside.readers)
    reports, readers, clock = outside.reports, outside.readers, outside.clock
    metrics = None if outside.registry is None else ServiceMetrics(outside.registry)
    measured = outside.store if metrics is None else MeasuredRuns(outside.store, metrics)
    counts = SessionCounts(measured, settings.limits)
    runs = OwnedRuns(measured, admit=counts.admit, left=counts.left)
    recording = _recording(settings, outside, namespaces)
    service = Service(
        store=runs,
        settings=policies.choose,
        gate=_gates(settings, outside, recording.folder if recording is not None else None),
        hooks=(*outside.hooks, *(() if metrics is None else (metrics.evidence_hook(),))),
        clock=clock,
        live=settings.store.live,
    )
    identity = IdentityCheck(
        readers.cluster,
        namespaces,
        allow_write=settings.scope.allow_write_identity,
        ignored=usual.gate.ignore_lists,
        more=usual.gate.custom_resources,
        on_change=reports.identified,
    )
    authenticator = make_authenticator(settings, readers.cluster, reports)
    tokens = authenticator if isinstance(authenticator, TokenFiles) else None
    checks: list[Readiness] = [
        StoreAnswers(runs),
        identity,
        *source_checks(
            readers.cluster,
            namespaces,
            prometheus=readers.prometheus,
            alertmanager=readers.alertmanager,
        ),
        *([tokens_check(tokens)] if tokens is not None else []),
    ]
    probes = HealthApi(
        checks,
        limit_seconds=settings.telemetry.check_timeout,
        fresh_seconds=settings.telemetry.check_every,
    )
    timers = [_retention(settings, service, outside)]
    if recording is not None:
        timers.append(_recorder(recording, outside, settings.reference.every))
    proxy = _proxy(settings, service, outside)
    sign_ins, ui = SignIns(seconds=settings.ui.signed_in_for), None
    if settings.ui.enabled and outside.pages is not None:
        ui = Ui(
            service,
            outside.pages,
            settings.ui,
            authenticator=authenticator,
            sign_ins=sign_ins,
            stopping=probes.stopping,
        )
    app = make_app(
        service,
        metrics=metrics,
        auth=Middleware(
            Authentication,
            authenticator=authenticator,
            owners=runs,
            open_metrics=settings.auth.open_metrics,
            any_host=settings.listen.insecure,
            sign_ins=sign_ins if ui is not None else None,
        ),
        limits=Middleware(Limits, settings=settings.limits),
        extra_routes=(
            *(proxy.routes() if proxy is not None else ()),
            *(ui.routes() if ui is not None else ()),
        ),
        lifespan=_lifespan(service, proxy),
        health=probes,
        body_limit=settings.limits.body_bytes,
    )
    return Assembled(
        app=app,
        service=service,
        probes=probes,
        identity=identity,
        timers=timers,
        warnings=tokens.warnings() if tokens is not None else (),
    )


def scope_of(settings: ServeSettings, readers: Readers) -> tuple[str, ...]:
    """Return the namespaces that are looked at: those of the settings, or the context's."""
    return settings.scope.namespaces or (readers.cluster.namespace or "default",)


def make_authenticator(
    settings: ServeSettings, cluster: KubernetesReader, reports: Reports
) -> Authenticator | None:
    """Return who finds out whose a token is; None where nobody is asked for one.

    Raises:
        TokensError: The files of tokens cannot be used.
    """
    auth = settings.auth
    if auth.mode == "tokens" and auth.tokens is not None:
        return TokenFiles(auth.tokens, on_trouble=reports.tokens_unread)
    if auth.mode == "tokenreview":
        return TokenReviews(cluster, auth)
    return None


def _gates(
    settings: ServeSettings, outside: Outside, folder: Path | None
) -> Callable[[Settings], Gate]:
    readers, sources = outside.readers, settings.sources
    # What is wrong with them is to be told before anybody asks for a run.
    find_snapshots(sources.baselines)
    read_manifests(sources.manifests)

    def gate(chosen: Settings) -> Gate:
        def make(baselines: Sequence[Path]) -> Gate:
            return EvidenceGate(
                reader=readers.cluster,
                prometheus=readers.prometheus,
                alertmanager=readers.alertmanager,
                settings=chosen.gate,
                clock=outside.clock,
                baselines=baselines,
                manifests=sources.manifests,
            )

        return ReferencedGate(make, baselines=sources.baselines, folder=folder)

    return gate


def _recording(
    settings: ServeSettings, outside: Outside, namespaces: Sequence[str]
) -> Recording | None:
    if settings.reference.folder is None:
        return None
    readers = outside.readers
    return Recording(
        readers.cluster,
        namespaces=namespaces,
        settings=settings.reference,
        on_look=outside.reports,
        prometheus=readers.prometheus,
        alertmanager=readers.alertmanager,
        clock=outside.clock,
    )


def _recorder(recording: Recording, outside: Outside, every: float) -> Timer:
    return lambda: outside.reports.every(every, "reference", recording.run, clock=outside.clock)


def _retention(settings: ServeSettings, service: Service, outside: Outside) -> Timer:
    kept = settings.retention

    async def expire() -> None:
        await service.expire(ended=timedelta(seconds=kept.ended), idle=timedelta(seconds=kept.open))

    return lambda: outside.reports.every(kept.every, "retention", expire, clock=outside.clock)


def _proxy(settings: ServeSettings, service: Service, outside: Outside) -> Proxy | None:
    if not settings.proxy.upstreams:
        return None
    proxy = Proxy(
        service,
        settings.proxy,
        authenticated=settings.auth.mode != "none",
        clock=outside.clock,
    )
    if outside.registry is not None:
        outside.registry.register(ProxyCounts(lambda: proxy.counts))
    return proxy


def _lifespan(
    service: Service, proxy: Proxy | None
) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        del app
        try:
            async with proxy.running() if proxy is not None else contextlib.nullcontext():
                yield
        finally:
            # Requests are done with by now; ends that a gate looks at are another process's next.
            await service.shutdown()

    return lifespan
