"""Standard output: kept clean for `-o json`, and written so that its reader cannot hurt a run.

The agent under guard is somebody else's code: it prints, its tools print, their child processes
print. While a run goes on, all of that is sent to standard error, at the level of the file
descriptor, and only our object reaches standard output.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path

_STDOUT = 1
_STDERR = 2

Write = Callable[[str], None]


def prepare() -> None:
    """Make both output streams such that any text can be written to them.

    A process may be started without them (`>&-`, some supervisors), or with an encoding that
    lacks our quotation marks; neither is a reason to lose the result of a run.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            devnull = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # for good
            setattr(sys, name, devnull)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def reserved() -> Generator[Write]:
    """Send everything printed inside to standard error; give a writer to the real output."""
    real = sys.stdout
    real.flush()
    waiting: list[str] = []
    with contextlib.ExitStack() as undo:
        # A process without descriptor 1 has no standard output that could be spoiled.
        with contextlib.suppress(OSError):
            kept = os.dup(_STDOUT)
            undo.callback(_put_back, kept)
            os.dup2(_STDERR, _STDOUT)
        undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield waiting.append
    for text in waiting:
        put(text)


def put(text: str) -> None:
    """Write JSON to standard output, as UTF-8 whatever the terminal's encoding is."""
    line = text if text.endswith("\n") else f"{text}\n"
    binary = getattr(sys.stdout, "buffer", None)
    with surviving_reader():
        if binary is None:
            sys.stdout.write(line)
        else:
            sys.stdout.flush()
            binary.write(line.encode())


@contextlib.contextmanager
def surviving_reader() -> Generator[None]:
    """Let the work inside count although the reader of standard output has left (`| head`).

    The exit code of a run says how it ended, whoever read along.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        mute()


def mute() -> None:
    """Send what is still buffered nowhere, so that the flush at exit does not complain again."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)


def _put_back(kept: int) -> None:
    os.dup2(kept, _STDOUT)
    os.close(kept)
