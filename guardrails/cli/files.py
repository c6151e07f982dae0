"""Reading and writing the files that a command line names, with one clear line when it fails."""

import os
from pathlib import Path

from guardrails.errors import UsageError


def read_file(path: Path, *, option: str) -> bytes:
    """Read a whole file.

    Raises:
        UsageError: It cannot be read; the message begins with the option.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot read it: {error.strerror or error}") from error


def check_writable(path: Path, *, option: str) -> None:
    """Find out before the work whether its result can be written.

    Raises:
        UsageError: The folder does not exist, or the path is a folder.
    """
    if path.is_dir():
        raise UsageError(f"{option} {path}: this is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {path}: the folder {path.parent} does not exist")


def write_text(path: Path, text: str, *, option: str) -> None:
    """Write a whole file: what was there before stays until all of the new one is.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe, or a terminal
            path.write_text(text, encoding="utf-8")
            return
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot write it: {error.strerror or error}") from error
