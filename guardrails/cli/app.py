"""The command `guarded-agent`: its sub-commands, and how their errors reach the person.

Every error becomes one line on standard error and a documented exit code; a traceback is shown
with `--debug` only. Sub-commands import what they need when they run, so that `--help` is quick.
"""

import errno
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from guardrails.cli import (
    baseline,
    checks,
    doctor,
    fsm,
    policy,
    report,
    run,
    serve,
    stdout,
    tag,
    top,
    trace,
    vectors,
    verify,
)
from guardrails.cli.exits import ExitCode, of_error
from guardrails.cli.terminating import was_terminated
from guardrails.errors import GuardrailsError
from guardrails.version import VERSION

PROGRAM = "guarded-agent"

app = typer.Typer(
    name=PROGRAM,
    help="Runtime guardrails for SRE agents: an end is accepted only on evidence from Kubernetes "
    "and alerts.",
    epilog="Exit codes: 0 resolved or diagnosed, 2 usage, 3 unresolved, 4 escalated, "
    "5 unverifiable, 6 aborted, 7 a source cannot be read, 130 interrupted. Code 8 and the others: "
    "docs/reference/exit-codes.md.",
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: rich would double the time of `--help`.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run")(run.run)
app.command("verify")(verify.verify)
app.command("doctor")(doctor.doctor)
app.command("serve")(serve.serve)
app.command("top")(top.top)
app.command("report")(report.report)
app.command("tag")(tag.tag)
app.command("vectors")(vectors.vectors)
app.add_typer(baseline.app, name="baseline")
app.add_typer(checks.app, name="checks")
app.add_typer(fsm.app, name="fsm")
app.add_typer(policy.app, name="policy")
app.add_typer(trace.app, name="trace")


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it with the flag's value
    if wanted:
        typer.echo(f"{PROGRAM} {VERSION}")
        raise Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that stand before a sub-command."""
    del version  # acted on by its callback


def run_cli(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: What follows the program's name.

    Returns:
        The exit code.
    """
    debug = "--debug" in arguments
    stdout.prepare()
    try:
        code = app(list(arguments) or ["--help"], prog_name=PROGRAM, standalone_mode=False)
    except TyperException as error:
        _say(_usage_line(error))
        code = ExitCode.USAGE
    except Exit as left:
        code = left.exit_code
    except (Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    except GuardrailsError as error:
        _trace(debug)
        _say(str(error))
        code = of_error(error)
    except SystemExit as left:
        # So typer leaves when the reader (`| head`) has; what it read, it has.
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        stdout.mute()
        code = ExitCode.READER_LEFT
    except OSError as error:
        _trace(debug)
        _say(_system_line(error, debug=debug))
        stdout.mute()
        code = ExitCode.BUG
    except Exception as error:  # noqa: BLE001  # the last line of defence of the program
        _trace(debug)
        _say(_bug_line(error, debug=debug))
        code = ExitCode.BUG
    if was_terminated():
        # typer takes it for a Ctrl-C. A run under way sees to its signals itself.
        code = ExitCode.TERMINATED
    return int(code or 0)


def _say(text: str) -> None:
    from guardrails.hygiene.redact import redacted  # noqa: PLC0415  # costs what `--help` may not

    for line in redacted(text).splitlines() or [""]:
        sys.stderr.write(f"error: {line}\n")


def _trace(debug: bool) -> None:  # noqa: FBT001  # private, one caller
    if debug:
        from guardrails.hygiene.redact import redacted  # noqa: PLC0415  # as above

        sys.stderr.write(redacted(traceback.format_exc()))


def _usage_line(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else PROGRAM
    # "Value error" is pydantic's word for it, which typer hands on.
    said = " ".join(error.format_message().split()).replace("Value error, ", "")
    return f"{said[:1].lower()}{said[1:].rstrip('.')} (see `{command} --help`)"


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a system says when it cannot take more output."""


def _system_line(error: OSError, *, debug: bool) -> str:
    if error.errno not in _FULL:
        return _bug_line(error, debug=debug)
    where = error.filename or "standard output or a temporary file"
    return f"cannot write {where}: {error.strerror}; make room, or write elsewhere"


def _bug_line(error: Exception, *, debug: bool) -> str:
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    more = "" if debug else " Run again with --debug for the traceback."
    return f"unexpected {said}. This is a bug in guarded-agent: please open an issue.{more}"
