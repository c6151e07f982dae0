"""Carries a plan out: guard, gate, hooks and views around one run, and its end printed."""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import asyncio
import contextlib
import sys
import uuid
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from guardrails.cli import panel, stdout
from guardrails.cli.exits import ExitCode, of_outcome
from guardrails.cli.inputs import graph_input
from guardrails.cli.options import Output
from guardrails.cli.output import encode, run_output
from guardrails.cli.printers import LivePrinter, PlainPrinter, Printer
from guardrails.cli.signals import run_interruptible
from guardrails.cli.stages import Plan, Stage
from guardrails.core.hooks import Hook
from guardrails.core.result import RunResult
from guardrails.engine import Guard, SessionKey
from guardrails.telemetry.jsonl import TraceFileHook
from guardrails.version import VERSION

if TYPE_CHECKING:
    from rich.console import Console


def execute(plan: Plan, *, output: Output) -> ExitCode:
    """Run a plan, show it, print its result.

    Args:
        plan: What to run.
        output: With `json`, standard output gets one object and nothing else.

    Returns:
        The exit code, by the run's outcome or by the signal that ended it.
    """
    with ExitStack() as stack:
        as_json = output is Output.JSON
        write = stack.enter_context(stdout.reserved()) if as_json else None
        stream = sys.stderr if as_json else sys.stdout
        console = _console(stream)
        printer: Printer = PlainPrinter(stream) if console is None else LivePrinter(console)
        hooks: list[Hook] = [printer]
        if plan.trace is not None:
            hooks.append(stack.enter_context(_trace(plan.trace)))
        stage = stack.enter_context(plan.staged(printer.say))
        result, interruption = run_interruptible(
            lambda: _run(stage, plan.model, printer, hooks), say=printer.say
        )
        if result is None:
            printer.say("interrupted before the run began")
            return ExitCode(interruption.exit_code or ExitCode.ABORTED)
        code = ExitCode(interruption.exit_code or of_outcome(result.outcome))
        trace = str(plan.trace) if plan.trace is not None else None
        with stdout.surviving_reader():
            if console is not None:
                panel.print_rich(console, result, trace=trace)
            else:
                panel.print_plain(stream, result, trace=trace)
        if write is not None:
            shown = run_output(
                result, target=plan.target, model=plan.model, trace=trace, exit_code=code
            )
            write(encode(shown))
    return code


async def _run(stage: Stage, model: str, printer: Printer, hooks: list[Hook]) -> RunResult:
    # LangGraph takes two seconds to import; what can fail before it has failed by now.
    from guardrails.integrations.drive import drive  # noqa: PLC0415

    async with AsyncExitStack() as opened:
        guard = await stage.guard(stage.incident, hooks=hooks, printer=printer, stack=opened)
        built = await stage.build(guard, opened)
        inputs = graph_input(built.graph, stage.incident.task, given=stage.graph_input)
        thread = f"cli-{uuid.uuid4().hex}"
        opened.callback(_warn_of_losses, guard, printer)
        with printer.showing():
            try:
                driven = await drive(
                    built.graph,
                    inputs,
                    using=guard,
                    incident=stage.incident,
                    config={"configurable": {"thread_id": thread}},
                    claim=stage.claim,
                    on_refusal=stage.on_refusal,
                    model=model,
                )
            except asyncio.CancelledError:
                # A signal; the run is recorded as aborted by now, and that is worth printing.
                session = guard.find(SessionKey(thread))
                if session is None or session.outcome is None:
                    raise
                return session.result()
    return driven.result


def _warn_of_losses(guard: Guard, printer: Printer) -> None:
    """Say which sinks failed: a run never stops for one, but a trace with holes is no trace."""
    for sink, count in sorted(guard.hooks.failures.items()):
        if sink != printer.name:  # which cannot speak of itself
            printer.say(f"warning: {sink}: {count} records could not be written")


def _console(stream: TextIO) -> "Console | None":
    """Return a rich console where there is a terminal to draw on."""
    if not stream.isatty():
        return None
    from rich.console import Console  # noqa: PLC0415  # 0.1 s, only where it is of use

    console = Console(file=stream, highlight=False)
    return console if console.is_terminal and not console.is_dumb_terminal else None


def _trace(path: Path) -> contextlib.AbstractContextManager[TraceFileHook]:
    return TraceFileHook(path, written_by=f"guarded-agent {VERSION}")
