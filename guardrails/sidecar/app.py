"""The service as an ASGI application: decision API, probes, metrics, and whatever is added to it.

`make_app` puts the parts together; who may come in and how much they may ask is decided by
middleware that it is given.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from http import HTTPMethod
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Lifespan

from guardrails.sidecar.api.bodies import NoBody, NoQuery
from guardrails.sidecar.api.deciding import DecidingApi
from guardrails.sidecar.api.health import HealthApi, Readiness, StoreAnswers
from guardrails.sidecar.api.observing import Observing
from guardrails.sidecar.api.openapi import document
from guardrails.sidecar.api.operations import (
    READERS,
    AnyOperation,
    Call,
    Endpoint,
    Operation,
    Returns,
    Role,
)
from guardrails.sidecar.api.people import PeopleApi
from guardrails.sidecar.api.problems import PROBLEM_TYPE, of_status
from guardrails.sidecar.api.reading import BODY_LIMIT, header
from guardrails.sidecar.api.runs import RunsApi
from guardrails.sidecar.api.sending import Answer, answered
from guardrails.sidecar.api.streams import USUAL, Pace
from guardrails.sidecar.api.watching import WatchingApi
from guardrails.sidecar.metrics import ServiceMetrics, exposition
from guardrails.sidecar.service import Service

TEXT: Final = "text/plain"


def make_app(
    service: Service,
    *,
    checks: Sequence[Readiness] = (),
    metrics: ServiceMetrics | None = None,
    auth: Middleware | None = None,
    limits: Middleware | None = None,
    extra_routes: Sequence[BaseRoute] = (),
    lifespan: Lifespan[Starlette] | None = None,
    health: HealthApi | None = None,
    pace: Pace = USUAL,
    body_limit: int = BODY_LIMIT,
) -> Starlette:
    """Make the application.

    Args:
        service: Decides.
        checks: What has to work for the service to be ready, besides its store.
        metrics: Where requests are counted, and whose registry `/metrics` shows; None for neither.
        auth: Says who asks, as `request.state.caller`; without it everybody may do everything.
        limits: How much they may ask; it stands behind `auth`, so that it knows who it is.
        extra_routes: Further routes, such as those of the model proxy.
        lifespan: What begins and ends with the application.
        health: The probes, where the caller wants to tell them that the service stops; `checks`
            are its own then.
        pace: Of streams.
        body_limit: Bytes of a body.

    Returns:
        The application; `openapi_document` gives its document.
    """
    probes = health or HealthApi((StoreAnswers(service.store), *checks))
    operations = _operations(
        service,
        probes=probes,
        metrics=metrics,
        pace=pace,
        # The door decides that; here it is only told.
        open_metrics=auth is not None and bool(auth.kwargs.get("open_metrics")),
    )
    endpoints = [
        Endpoint(path, on_path, limit=body_limit) for path, on_path in _by_path(operations).items()
    ]
    if metrics is not None:
        metrics.count_live(lambda: len(service.live))
    given = (auth, limits)
    return Starlette(
        # The proxy's are few and told by their whole path, and its agents wait at each turn.
        routes=[*extra_routes, *(Route(one.path, one) for one in endpoints)],
        middleware=[
            Middleware(Observing, metrics=metrics),
            *(one for one in given if one is not None),
        ],
        exception_handlers={HTTPException: _http_problem},
        lifespan=lifespan,
    )


def openapi_document(service: Service) -> dict[str, object]:
    """Return the document of the application that a service gets, without serving it."""
    return document(table(service))


def table(service: Service) -> tuple[AnyOperation, ...]:
    """Return every operation that the application of a service may have."""
    return _operations(service, probes=HealthApi(()), metrics=None, page=True)


def _operations(
    service: Service,
    *,
    probes: HealthApi,
    metrics: ServiceMetrics | None,
    pace: Pace = USUAL,
    page: bool = False,
    open_metrics: bool = False,
) -> tuple[AnyOperation, ...]:
    """Return the table, those that are asked for most often first: routes are tried in order."""
    runs = RunsApi(service)
    table: list[AnyOperation] = [
        *DecidingApi(runs, metrics=metrics, pace=pace, stopping=probes.stopping).operations(),
        *runs.operations(),
        *PeopleApi(runs).operations(),
        *WatchingApi(runs, pace=pace, stopping=probes.stopping).operations(),
        *probes.operations(),
    ]
    if metrics is not None or page:
        table.append(_metrics_page(metrics, roles=None if open_metrics else READERS))
    table.append(_document_page(table))
    return tuple(table)


def _by_path(operations: Sequence[AnyOperation]) -> Mapping[str, Sequence[AnyOperation]]:
    found: defaultdict[str, list[AnyOperation]] = defaultdict(list)
    for one in operations:
        found[one.path].append(one)
    return found


def _metrics_page(metrics: ServiceMetrics | None, *, roles: frozenset[Role] | None) -> AnyOperation:
    async def page(call: Call[NoBody, NoQuery]) -> Answer:
        assert metrics is not None  # there is no such route without
        accept = header(call.scope, b"accept")
        # Writing some hundred series takes milliseconds, in which others are decided on.
        body, media = await asyncio.to_thread(exposition, metrics.registry, accept)
        return answered(body, media=media)

    return Operation(
        method=HTTPMethod.GET,
        path="/metrics",
        name="metrics",
        summary="Metrics in Prometheus' format",
        handler=page,
        body=NoBody,
        query=NoQuery,
        returns={
            200: Returns(said="Metrics.", media=TEXT, also="application/openmetrics-text"),
        },
        roles=roles,
    )


def _document_page(others: Sequence[AnyOperation]) -> AnyOperation:
    async def page(call: Call[NoBody, NoQuery]) -> Answer:
        del call
        return answered(body)

    own = Operation(
        method=HTTPMethod.GET,
        path="/openapi.json",
        name="openapi",
        summary="This document",
        handler=page,
        body=NoBody,
        query=NoQuery,
        returns={200: Returns(said="The document.", kind=Document)},
    )
    body = msgspec.json.encode(document((*others, own)))
    return own


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


async def _http_problem(request: Request, error: Exception) -> Response:
    """Answer the router's own errors as all others are answered."""
    assert isinstance(error, HTTPException)
    problem = of_status(error.status_code, f"{request.url.path}: {error.detail}")
    return Response(
        msgspec.json.encode(problem),
        status_code=error.status_code,
        media_type=PROBLEM_TYPE,
        headers=error.headers,
    )
