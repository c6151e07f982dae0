"""One run: its events as they come, its findings and its gate, and the questions that it asks."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Input, RichLog, Static

from guardrails.core.findings import Finding
from guardrails.errors import LostRunError, ServiceError
from guardrails.reports.wording import printable
from guardrails.sidecar.client.transport import SilentStreamError
from guardrails.top.asking import Asker, attempts
from guardrails.top.telling import (
    Told,
    end_line,
    event_lines,
    finding_lines,
    gate_lines,
    head_lines,
    question_lines,
)
from guardrails.top.wire import Asked, RunLine, RunState
from guardrails.top.words import findings

EARLIER: Final = 500
"""Events before the last one that are read when a run is opened; its trace has all of them."""
KEPT: Final = 2_000
"""Lines of events that can be scrolled back to: some megabytes."""
AT_LEAST: Final = 0.3
"""Seconds between two questions where a run stands, however many events come."""
OPERATOR: Final = "operator"
EVENTS, FINDINGS, GATE = "events", "findings", "gate"


class RunScreen(Screen[None]):
    """A run.

    Args:
        asker: Asks the service.
        line: What the list had of it.
        role: Of the token; None where nobody is asked.
        interval: Seconds between two looks at its state while no event comes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("e", "view('events')", "Events"),
        Binding("f", "view('findings')", "Findings"),
        Binding("g", "view('gate')", "Gate"),
        Binding("a", "answer", "Answer"),
    ]
    CSS = """
    RunScreen #head { height: auto; background: $surface; }
    RunScreen #lost { display: none; height: auto; }
    RunScreen #lost.on { display: block; }
    RunScreen ContentSwitcher { height: 1fr; }
    RunScreen RichLog { height: 1fr; }
    RunScreen #question { display: none; height: auto; max-height: 9; background: $surface; }
    RunScreen #question.on { display: block; }
    RunScreen #refused { display: none; height: auto; }
    RunScreen #refused.on { display: block; }
    RunScreen Input { display: none; height: 1; border: none; }
    RunScreen Input.on { display: block; }
    """

    def __init__(self, asker: Asker, *, line: RunLine, role: str | None, interval: float) -> None:
        super().__init__()
        self._asker = asker
        self._run = line.run
        self._model = line.standing.model if line.standing is not None else ""
        self._may_answer = role is None or role == OPERATOR
        self._role = role
        self._interval = interval
        self._state: RunState | None = None
        self._findings: Sequence[Finding] = ()
        self._asked: Asked | None = None
        self._news = asyncio.Event()
        self._not_told: dict[str, str] = {}
        """Why the stream or the state is missing, by which of them."""
        # Held, since a worker may still write when the screen is on its way out.
        self._head = Static(Text(printable(self._run, width=200)), id="head")
        self._lost, self._refused = Static(id="lost"), Static(id="refused")
        self._box = Static(id="question")
        self._views = {
            name: RichLog(id=name, wrap=True, min_width=20, max_lines=KEPT)
            for name in (EVENTS, FINDINGS, GATE)
        }
        self._entry = Input(
            placeholder="a to answer: number, id or other words; Enter sends it", compact=True
        )

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield self._head
        yield self._lost
        with ContentSwitcher(initial=EVENTS):
            yield from self._views.values()
        yield self._box
        yield self._refused
        yield self._entry
        yield Footer()

    def on_mount(self) -> None:
        """Begin to ask and to follow."""
        self._views[EVENTS].focus()
        self.run_worker(self._watch(), group="state")

    # Asking

    async def _watch(self) -> None:
        """Read where the run stands, now and then and whenever something happened."""
        waits = attempts(self._interval)
        while True:
            pause = self._interval
            try:
                await self._look()
            except LostRunError as error:
                self._missing("state", f"{error}; it may have been deleted")
                return
            except ServiceError as error:
                pause = next(waits)
                self._missing("state", f"{error}; tried again in {pause:g} s")
            else:
                waits = attempts(self._interval)
                self._missing("state", "")
                if self._state is not None and self._state.ended:
                    return
            await asyncio.sleep(AT_LEAST)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)
            self._news.clear()

    async def _look(self) -> None:
        first, before = self._state is None, self._state
        state = await self._asker.state(self._run)
        if before is None or state.findings != before.findings:
            self._findings = await self._asker.findings(self._run)
            self._fill(FINDINGS, finding_lines(self._findings))
        self._state = state
        self._show()
        if first:
            self.run_worker(self._follow(max(0, state.seq - EARLIER)), group="events")

    async def _follow(self, after: int) -> None:
        """Show events until the run has ended; a lost stream goes on where it was."""
        if after:
            self._tell([Text(f"{after} earlier events are in the run's trace", style="dim")])
        waits = attempts(self._interval)
        while True:
            try:
                async for told in self._asker.events(self._run, after=after):
                    self._missing("events", "")
                    waits = attempts(self._interval)
                    if isinstance(told, RunState):
                        self._tell([end_line(told)])
                        self._news.set()
                        return
                    self._tell(event_lines(told))
                    after = told.seq
                    self._news.set()
            except LostRunError:
                return  # the state says so
            except (ServiceError, SilentStreamError) as error:
                pause = next(waits)
                self._missing("events", f"{error}; tried again in {pause:g} s")
            else:
                # Told to come back, perhaps to another replica; or there is nothing more.
                if self._state is not None and self._state.ended and after >= self._state.seq:
                    return
                pause = AT_LEAST
            await asyncio.sleep(pause)

    def _missing(self, what: str, why: str) -> None:
        if self._not_told.get(what, "") == why:
            return
        self._not_told[what] = why
        said = self._not_told.get("state") or self._not_told.get("events") or ""
        self._lost.update(Text(printable(f"NOT CONNECTED: {said}", width=500), style="bold"))
        self._lost.set_class(bool(said), "on")

    # Showing

    def _tell(self, lines: Iterable[Text | Told]) -> None:
        log = self._views[EVENTS]
        for line in lines:
            log.write(line, expand=True, scroll_end=log.is_vertical_scroll_end)

    def _fill(self, name: str, lines: Iterable[Text]) -> None:
        log = self._views[name]
        log.clear()
        for line in lines:
            log.write(line, scroll_end=False)

    @on(Resize)
    def _resized(self) -> None:
        self._show()

    def _show(self) -> None:
        state = self._state
        if state is None or not self.size.width:
            return
        now = datetime.now(UTC)
        found = findings(Counter(one.weight.value for one in self._findings))
        lines = head_lines(state, model=self._model, findings=found, now=now, width=self.size.width)
        self._head.update(Text("\n").join(lines))
        self._fill(GATE, gate_lines(state, now))
        self._show_question(state.questions)

    def _show_question(self, open_: Sequence[Asked]) -> None:
        asked = open_[0] if open_ else None
        box, entry = self._box, self._entry
        if self._asked is not None and (asked is None or asked.id != self._asked.id):
            # Words that were meant for it must not answer another one.
            self._refuse("That question is answered; this was not sent." if entry.value else "")
            entry.clear()
            if entry.has_focus and asked is None:
                self._views[EVENTS].focus()
        self._asked = asked
        box.set_class(asked is not None, "on")
        entry.set_class(asked is not None and self._may_answer, "on")
        if asked is None:
            return
        lines = list(question_lines(asked, open_=len(open_)))
        if not self._may_answer:
            lines.append(
                Text(f"  answering needs role operator; this token has {self._role}", style="bold")
            )
        box.update(Text("\n").join(lines))

    def _refuse(self, why: str) -> None:
        self._refused.update(Text(printable(why, width=500), style="bold red"))
        self._refused.set_class(bool(why), "on")

    # Keys

    def action_back(self) -> None:
        """Leave the answer if one is being written, else the run."""
        if self._entry.has_focus:
            self._views[EVENTS].focus()
        else:
            self.dismiss()

    def action_view(self, name: str) -> None:
        """Show events, findings or the gate."""
        self.query_one(ContentSwitcher).current = name
        self._views[name].focus()

    def action_answer(self) -> None:
        """Write an answer, where a question is open to this token; the screen says when not."""
        if self._asked is not None and self._may_answer:
            self._entry.focus()
        else:
            self.app.bell()  # pyright: ignore[reportUnknownMemberType]  # no type of its own

    @on(Input.Submitted)
    def _answered(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if text and self._asked is not None:
            self.run_worker(self._answer(self._asked.id, text), exclusive=True, group="answer")

    async def _answer(self, question: str, text: str) -> None:
        entry = self._entry
        entry.disabled = True
        try:
            await self._asker.answer(self._run, question, text)
        except ServiceError as error:
            self._refuse(f"NOT ANSWERED: {error}")
            entry.disabled = False
            entry.focus()
        else:
            self._refuse("")
            entry.disabled = False
            entry.clear()
            self.notify("Answered.", markup=False)
            self._views[EVENTS].focus()
            self._news.set()
