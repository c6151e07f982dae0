"""Carries `serve` out: opens sources and store, asks what the identity may do, and listens."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Generator, Sequence
from importlib import import_module
from typing import TextIO, cast

import typer
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

from guardrails.cli.exits import ExitCode
from guardrails.cli.sources import Opened, SourceOptions, open_sources
from guardrails.core.hooks import Hook
from guardrails.errors import PermanentSourceError, SourceError
from guardrails.policy.load import load_settings
from guardrails.reports.served import served_pages
from guardrails.sidecar.assembly import Assembled, Outside, assemble
from guardrails.sidecar.certificates import Renewal
from guardrails.sidecar.config import ServeSettings
from guardrails.sidecar.configfile import store_url
from guardrails.sidecar.identity import insist
from guardrails.sidecar.listening import Server, address_of, bound, pair_of, run
from guardrails.sidecar.reporting import LogBridge, Reports
from guardrails.sidecar.stores.opening import open_store
from guardrails.telemetry.logs import (
    Logger,
    SteadyStream,
    StructlogHook,
    configure_json_logs,
    json_logger,
)
from guardrails.telemetry.metrics import PrometheusHook
from guardrails.version import VERSION


def serve_now(settings: ServeSettings) -> ExitCode:
    """Serve until a signal.

    Returns:
        The exit code of the signal.

    Raises:
        UsageError: Something in the settings cannot be used, or the identity may write.
        SourceError: The cluster refuses the credentials.
        StoreError: The store cannot be used.
    """
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(contextlib.closing(open_readers(settings)))
        level = logging.getLevelNamesMapping()[settings.telemetry.log_level.upper()]
        # A full disk loses lines, and no request. The hook's own lines are counted as they fail.
        steady = cast("TextIO", SteadyStream(sys.stderr))
        configure_json_logs(steady, level=level)
        logger = json_logger(sys.stderr, level=level)
        registry = _registry() if settings.telemetry.metrics else None
        reports = Reports(json_logger(steady, level=level), registry)
        stack.enter_context(_bridged(reports))
        listening = stack.enter_context(contextlib.closing(bound(settings.listen)))
        store = stack.enter_context(contextlib.closing(open_store(store_url(settings))))
        outside = Outside(
            readers=opened,
            store=store,
            reports=reports,
            hooks=_hooks(settings, logger, registry),
            registry=registry,
            pages=served_pages() if settings.ui.enabled else None,
        )
        assembled = assemble(settings, outside)
        return run(_serve(settings, assembled, reports, listening))


def open_readers(settings: ServeSettings) -> Opened:
    """Open the sources of evidence; nothing is asked of them yet."""
    sources = settings.sources
    chosen = SourceOptions(
        kubeconfig=sources.kubeconfig,
        context=sources.context,
        prometheus=sources.prometheus,
        alertmanager=sources.alertmanager,
    )
    usual = load_settings(file=settings.policies.file)
    return open_sources(chosen, timeout_seconds=usual.gate.list_timeout)


async def _serve(
    settings: ServeSettings, assembled: Assembled, reports: Reports, listening: socket.socket
) -> ExitCode:
    for warning in assembled.warnings:
        reports.say(logging.WARNING, "service.warning", detail=warning)
    await _know_ourselves(settings, assembled, reports)
    where = address_of(settings.listen, listening)

    def started() -> None:
        reports.say(
            logging.INFO,
            "service.started",
            address=where,
            version=VERSION,
            auth=settings.auth.mode,
            store=assembled.service.store.name,
        )
        typer.echo(f"guarded-agent {VERSION} listens on {where}")
        sys.stdout.flush()

    def ending(by: signal.Signals) -> None:
        assembled.probes.stopping.begin()
        reports.say(logging.INFO, "service.ending", signal=by.name)

    server = Server(assembled.app, settings.listen, on_started=started, on_ending=ending)
    renewals = [renewal.run] if (renewal := _renewal(settings, server, reports)) else []
    timers = [asyncio.ensure_future(timer()) for timer in (*assembled.timers, *renewals)]
    try:
        await server.serve(sockets=[listening])
    finally:
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*timers, return_exceptions=True)
    reports.say(logging.INFO, "service.ended")
    by = server.ended_by
    return ExitCode.INTERRUPTED if by is signal.SIGINT else ExitCode.TERMINATED


def _renewal(settings: ServeSettings, server: Server, reports: Reports) -> Renewal | None:
    pair, context = pair_of(settings.listen), server.config.ssl
    if pair is None or context is None:
        return None
    return Renewal(
        pair,
        context,
        on_renewed=lambda: reports.say(logging.INFO, "certificate.renewed"),
        on_trouble=lambda why: reports.say(logging.ERROR, "certificate.unread", detail=why),
    )


async def _know_ourselves(settings: ServeSettings, assembled: Assembled, reports: Reports) -> None:
    """Refuse to start with an identity that may write.

    A cluster that does not answer yet is waited for behind `/readyz`, which asks again.
    """
    try:
        identity = await assembled.identity.examined()
    except PermanentSourceError:
        raise
    except SourceError as error:
        reports.say(logging.WARNING, "identity.unknown", detail=str(error))
        return
    insist(identity, allow_write=settings.scope.allow_write_identity)


@contextlib.contextmanager
def _bridged(reports: Reports) -> Generator[None]:
    """Let what libraries log be lines of ours, while the service runs."""
    bridge = LogBridge(reports)
    root = logging.getLogger()
    root.addHandler(bridge)
    try:
        yield
    finally:
        root.removeHandler(bridge)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    return registry


def _hooks(
    settings: ServeSettings, logger: Logger, registry: CollectorRegistry | None
) -> Sequence[Hook]:
    found: list[Hook] = [StructlogHook(logger)]
    if registry is not None:
        found.append(PrometheusHook(registry))
    if settings.telemetry.opentelemetry:
        # By name, so that nothing else here needs the extra `otel`.
        found.append(import_module("guardrails.telemetry.tracing").OpenTelemetryHook())
    return found
