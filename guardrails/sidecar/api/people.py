"""What only people say: answers and allowances. And a look of the gate, which anybody may ask for.

An agent's token is not enough for the first two, or it would answer what it was asked itself.
"""

from datetime import UTC, datetime
from http import HTTPMethod

import msgspec

from guardrails.core.allowances import Allowance
from guardrails.core.ids import CheckId
from guardrails.sidecar.api.answers import Looked, Questions, encoded
from guardrails.sidecar.api.bodies import (
    AllowLoss,
    AnswerQuestion,
    LeaveUnanswered,
    Look,
    NoQuery,
)
from guardrails.sidecar.api.examples import ALLOWANCE, ANSWER
from guardrails.sidecar.api.operations import (
    AGENTS,
    OPERATORS,
    AnyOperation,
    Call,
    Operation,
    Returns,
)
from guardrails.sidecar.api.problems import NO_QUESTION, ProblemError
from guardrails.sidecar.api.runs import RUN, RunsApi
from guardrails.sidecar.api.sending import Answer, answered
from guardrails.sidecar.api.views import questions_view


class PeopleApi:
    """The operations of people.

    Args:
        runs: Finds runs.
    """

    def __init__(self, runs: RunsApi) -> None:
        self._runs = runs
        self._service = runs.service

    async def answer(self, call: Call[AnswerQuestion, NoQuery]) -> Answer:
        """Take an answer; it narrows what the run is about."""
        live = await self._runs.current(call.run)
        body = call.body
        open_ = [one.id for one in live.session.state.questions]
        if body.question not in open_:
            listed = ", ".join(open_) or "none"
            raise ProblemError(
                kind=NO_QUESTION, detail=f"no question {body.question!r} is open; open: {listed}"
            )
        by = body.by or (call.caller.name if call.caller is not None else "")
        await self._service.answer(live.run, question=body.question, text=body.text, by=by)
        return answered(encoded(questions_view(live.session.state)))

    async def unanswered(self, call: Call[LeaveUnanswered, NoQuery]) -> Answer:
        """Note that nobody answered in time."""
        live = await self._runs.found(call.run)
        await self._service.give_up_asking(live.run, detail=call.body.detail)
        return answered(encoded(questions_view(live.session.state)))

    async def allow(self, call: Call[AllowLoss, NoQuery]) -> Answer:
        """Take an allowance."""
        live = await self._runs.found(call.run)
        body = call.body
        allowance = Allowance(  # the guard notes the time itself
            check=CheckId(body.check),
            kind=body.kind,
            name=body.name,
            namespace=body.namespace,
            reason=body.reason,
            by=body.by,
            at=datetime.now(UTC),
        )
        allowed = await self._service.allow(live.run, allowance)
        return answered(msgspec.json.encode(allowed), status=201)

    async def look(self, call: Call[Look, NoQuery]) -> Answer:
        """Let the gate look, if a look is due."""
        live = await self._runs.found(call.run)
        before = live.session.state.seq
        await self._service.look(live.run, agent=call.body.agent)
        seq = live.session.state.seq
        return answered(encoded(Looked(looked=seq > before, seq=seq)))

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the table of these."""
        return (
            Operation(
                method=HTTPMethod.POST,
                path=f"{RUN}/answers",
                name="answerQuestion",
                summary="Answer a question",
                handler=self.answer,
                body=AnswerQuestion,
                query=NoQuery,
                returns={200: Returns(said="What is open now.", kind=Questions)},
                roles=OPERATORS,
                problems=(404, 409, 422),
                example=ANSWER,
            ),
            Operation(
                method=HTTPMethod.POST,
                path=f"{RUN}/unanswered",
                name="leaveUnanswered",
                summary="Go on without changes: nobody answered",
                handler=self.unanswered,
                body=LeaveUnanswered,
                query=NoQuery,
                returns={200: Returns(said="What stays open.", kind=Questions)},
                roles=AGENTS,
                problems=(404, 409, 422),
                example={"detail": "nobody answered for 15 minutes"},
            ),
            Operation(
                method=HTTPMethod.POST,
                path=f"{RUN}/allowances",
                name="allowLoss",
                summary="Allow a loss in this run",
                handler=self.allow,
                body=AllowLoss,
                query=NoQuery,
                returns={201: Returns(said="It is allowed.", kind=Allowance)},
                roles=OPERATORS,
                problems=(404, 409, 422),
                example=ALLOWANCE,
            ),
            Operation(
                method=HTTPMethod.POST,
                path=f"{RUN}/look",
                name="look",
                summary="Let the gate look now, if a look is due",
                handler=self.look,
                body=Look,
                query=NoQuery,
                returns={200: Returns(said="Whether it looked.", kind=Looked)},
                roles=AGENTS,
                problems=(404, 409, 422),
                example={"agent": "sre"},
            ),
        )
