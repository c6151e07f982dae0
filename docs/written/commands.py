"""Writes reference/command-options.md: every command, argument and option of `guarded-agent`."""

from collections.abc import Iterator
from enum import Enum

import typer
from typer._click import Context
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from docs.written.markdown import NOTICE, cell, code, header, row
from guardrails.cli.app import PROGRAM, app
from guardrails.cli.exits import ExitCode

PAGE = "command-options.md"

HEAD = """\
# Commands and options

Every command with its arguments and options, as `--help` lists them. [The command line](cli.md)
says what they are for, and [exit codes](exit-codes.md) what an end means. An option with a
variable takes its value from there when it is not given.

"""


def page() -> str:
    """Return the page."""
    root = typer.main.get_command(app)
    parts = (_command(path, command) for path, command in _leaves(PROGRAM, root))
    return HEAD + NOTICE + "\n".join(parts) + _exits()


def _leaves(path: str, command: object) -> Iterator[tuple[str, TyperCommand]]:
    """Yield what can be called, in the order of `--help`."""
    match command:
        case TyperGroup():
            for name, inner in command.commands.items():
                yield from _leaves(f"{path} {name}", inner)
        case TyperCommand():
            yield path, command
        case _:
            raise TypeError(f"{path} is no command of typer's: {type(command).__name__}")


def _command(path: str, command: TyperCommand) -> str:
    about = " ".join((command.help or "").split())
    lines = [f"## {path}", "", about, ""]
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    context = Context(command, info_name=path)
    arguments = [one for one in shown if isinstance(one, TyperArgument)]
    if arguments:
        lines += [header("argument", "", "meaning")]
        for one in arguments:
            need = "required" if one.required else "optional"
            lines.append(row(code(_name(one, context)), need, cell(one.help or "")))
        lines.append("")
    lines.append(header("option", "meaning"))
    lines += [
        row(code(_name(one, context)), _meaning(one))
        for one in shown
        if isinstance(one, TyperOption)
    ]
    return "\n".join(lines) + "\n"


def _name(one: TyperArgument | TyperOption, context: Context) -> str:
    record = one.get_help_record(context)
    if record is None:
        raise ValueError(f"{one.name} is not shown by --help")
    return record[0].strip().removesuffix(" <str>")


def _default(one: TyperOption) -> str:
    value: object = one.default
    if value is None or value is False or value == "" or callable(value):
        return ""
    return str(value.value if isinstance(value, Enum) else value)


def _variable(one: TyperOption) -> str:
    names = one.envvar
    return names if isinstance(names, str) else ", ".join(names or ())


def _meaning(one: TyperOption) -> str:
    """Return what an option is for, then its default and the variable that it may come from."""
    parts = [cell(one.help or "")]
    if _silent_on_repeats(one):
        parts.append("Repeatable.")
    if default := _default(one):
        parts.append(f"Default: {code(default)}.")
    if variable := _variable(one):
        parts.append(f"Variable: {code(variable)}.")
    return " ".join(parts)


def _silent_on_repeats(one: TyperOption) -> bool:
    said = (one.help or "").lower()
    return bool(one.multiple) and "repeat" not in said


def _exits() -> str:
    codes = ", ".join(f"{int(one)} {one.name.lower().replace('_', ' ')}" for one in ExitCode)
    return f"\n## All exit codes\n\n{codes}. [What each says of each command](exit-codes.md).\n"
