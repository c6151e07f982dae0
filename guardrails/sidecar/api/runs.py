"""Opens runs, and tells what they are: state, findings, report, questions, lists."""

import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPMethod
from typing import Final

import msgspec

from guardrails.core.evidence import GateReport
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.engine.scrub import scrubbed
from guardrails.policy.stored import policy_digest
from guardrails.sidecar.api.answers import (
    Findings,
    Opened,
    Questions,
    Runs,
    RunState,
    Standing,
    encoded,
    stamped,
)
from guardrails.sidecar.api.bodies import RUN_NAME, NoBody, NoQuery, OpenRun, RunsQuery
from guardrails.sidecar.api.examples import INCIDENT
from guardrails.sidecar.api.operations import AGENTS, AnyOperation, Call, Operation, Returns
from guardrails.sidecar.api.problems import INVALID, ProblemError
from guardrails.sidecar.api.sending import Answer, answered
from guardrails.sidecar.api.standings import Standings
from guardrails.sidecar.api.views import entry_view, findings_view, questions_view, state_view
from guardrails.sidecar.runs import LiveRun
from guardrails.sidecar.service import Service, UnknownRunError
from guardrails.sidecar.stores.base import ConflictError, Record, RunRow
from guardrails.sidecar.stores.calls import blocking

SESSIONS: Final = "/v1/sessions"
RUN: Final = "/v1/sessions/{run}"
EVENTS_AT_MOST: Final = 1_000
"""Events in one answer; a turn of an agent makes some tens."""

_run_name = re.compile(RUN_NAME)


class RunsApi:
    """The operations on runs.

    Args:
        service: Whose runs.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._standings = Standings(service)

    async def found(self, run: str) -> LiveRun:
        """Return a run. Whether the caller may see it was asked at the door.

        Raises:
            UnknownRunError: There is none.
        """
        return await self.service.run(_named(run))

    async def current(self, run: str) -> LiveRun:
        """Return a run with what other processes decided on it by now.

        Raises:
            UnknownRunError: There is none.
        """
        return await self.service.current(_named(run))

    async def events_after(self, run: RunId, seq: int | None) -> list[Record] | None:
        """Return what was decided after a record, at most so much; None if it is not asked for."""
        if seq is None:
            return None
        store = self.service.store
        return list((await blocking(store, lambda: store.since(run, seq)))[:EVENTS_AT_MOST])

    # Opening

    async def open(self, call: Call[OpenRun, NoQuery]) -> Answer:
        """Begin a run, or give the one that this request began before."""
        body = call.body
        if body.run and _run_name.fullmatch(body.run) is None:
            raise ProblemError(kind=INVALID, detail=f"{body.run!r} is no id of a run")
        live = await self._open_already(body)
        status = 200
        if live is None:
            live, status = await self._begun(body)
        return await self._opened(live, body, status=status)

    async def _begun(self, body: OpenRun) -> tuple[LiveRun, int]:
        try:
            live = await self.service.open(
                body.incident, policy=body.policy, model=body.model, key=body.key, run=body.run
            )
        except ConflictError:
            found = await self._open_already(body)  # the same request was quicker elsewhere
            if found is None:
                raise
            return found, 200
        return live, 201

    async def _open_already(self, body: OpenRun) -> LiveRun | None:
        """Return the run that has the id or the key of a request to open one.

        Raises:
            ConflictError: It is about something else.
        """
        store = self.service.store
        run = body.run
        if not run and body.key:
            run = await blocking(store, lambda: store.find(body.key)) or ""
        if not run:
            return None
        try:
            live = await self.service.run(run)
        except UnknownRunError:
            return None
        if not _same(body.incident, live.session.state.incident):
            named = f"run {run}" if body.run else f"run {run} under key {body.key!r}"
            raise ConflictError(f"{named} is there already, and about another incident")
        return live

    async def _opened(self, live: LiveRun, body: OpenRun, *, status: int) -> Answer:
        state = live.session.state
        settings = live.guard.settings
        records = await self.events_after(live.run, body.since)
        opened = Opened(
            run=live.run,
            key=live.key,
            seq=state.seq,
            number=live.number,
            mode=settings.mode,
            policy_digest=policy_digest(settings),
            questions=state.questions,
            events=stamped(records or ()),
        )
        location = {"location": f"{SESSIONS}/{live.run}"}
        return answered(encoded(opened), status=status, headers=location)

    # Reading

    async def listed(self, call: Call[NoBody, RunsQuery]) -> Answer:
        """List runs; an agent sees its own."""
        rows = await self._rows(call.query)
        told: Mapping[RunId, Standing] = {}
        if call.query.standing:
            told = await self._standings.of(rows)
        role = None if call.caller is None else call.caller.role
        entries = tuple(entry_view(row, told.get(row.run)) for row in rows)
        return answered(encoded(Runs(sessions=entries, role=role)))

    async def _rows(self, query: RunsQuery) -> list[RunRow]:
        store = self.service.store
        if query.key:
            run = await blocking(store, lambda: store.find(query.key))
            stored = None if run is None else await blocking(store, lambda: store.load(run))
            return [] if stored is None or query.open is False else [stored.row]
        ended = None if not isinstance(query.open, bool) else not query.open
        return list(await blocking(store, lambda: store.rows(ended=ended, limit=query.limit)))

    async def state(self, call: Call[NoBody, NoQuery]) -> Answer:
        """Tell where a run stands."""
        live = await self.current(call.run)
        return answered(encoded(state_view(live, progress=self.service.progress(live.run))))

    async def findings(self, call: Call[NoBody, NoQuery]) -> Answer:
        """Tell the findings that hold."""
        live = await self.current(call.run)
        return answered(encoded(findings_view(live.session.state)))

    async def questions(self, call: Call[NoBody, NoQuery]) -> Answer:
        """Tell what was asked, and what was answered."""
        live = await self.current(call.run)
        return answered(encoded(questions_view(live.session.state)))

    async def report(self, call: Call[NoBody, NoQuery]) -> Answer:
        """Tell the last report of the gate, whole."""
        live = await self.current(call.run)
        report = live.session.state.report
        if report is None:
            return Answer(status=204, headers=(), body=b"")
        return answered(encoded(report))

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the table of these."""
        return (
            Operation(
                method=HTTPMethod.POST,
                path=SESSIONS,
                name="openSession",
                summary="Open a run",
                about="Sent again with the same `run` or `key` and incident, it gives that run.",
                handler=self.open,
                body=OpenRun,
                query=NoQuery,
                returns={
                    201: Returns(said="The run has begun.", kind=Opened, location=True),
                    200: Returns(said="It was open already.", kind=Opened, location=True),
                },
                roles=AGENTS,
                problems=(409, 422),
                example={"incident": INCIDENT, "model": "openai:gpt-5", "key": "thread-1"},
            ),
            Operation(
                method=HTTPMethod.GET,
                path=SESSIONS,
                name="listSessions",
                summary="List runs",
                handler=self.listed,
                body=NoBody,
                query=RunsQuery,
                returns={200: Returns(said="Runs, those changed last first.", kind=Runs)},
            ),
            _get("", "getSession", "Where a run stands", self.state, RunState),
            _get("/findings", "getFindings", "Findings that hold", self.findings, Findings),
            _get(
                "/report",
                "getReport",
                "The gate's last report",
                self.report,
                GateReport,
                none="The gate has judged no end yet.",
            ),
            _get("/questions", "getQuestions", "Questions", self.questions, Questions),
        )


def _get(
    path: str,
    name: str,
    summary: str,
    handler: Callable[[Call[NoBody, NoQuery]], Awaitable[Answer]],
    kind: type[msgspec.Struct],
    *,
    none: str = "",
) -> AnyOperation:
    returns = {200: Returns(said=f"{summary}.", kind=kind)}
    if none:
        returns[204] = Returns(said=none, media="")
    return Operation(
        method=HTTPMethod.GET,
        path=f"{RUN}{path}",
        name=name,
        summary=summary,
        handler=handler,
        body=NoBody,
        query=NoQuery,
        returns=returns,
        problems=(404,),
    )


def _named(run: str) -> str:
    if _run_name.fullmatch(run) is None:
        raise UnknownRunError(f"no run {run!r}")
    return run


def _same(asked: Incident, known: Incident | None) -> bool:
    """Tell whether a request is about what a run is about; answers narrow places, no words."""
    wanted = scrubbed(asked)
    return known is not None and (wanted.task, wanted.goal, wanted.alerts, wanted.slo) == (
        known.task,
        known.goal,
        known.alerts,
        known.slo,
    )
