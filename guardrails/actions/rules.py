"""Which tool names mean what before anything else is looked at.

A policy file adds to these lists; `ToolRules` may replace them. Patterns are shell globs over the
tool's name, compared without regard to case.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from guardrails.actions.names import words_of_name
from guardrails.core.toolaction import Effect

FINISH_TOOLS: tuple[str, ...] = (
    "submit",
    "submit_*",
    "*_submit",
    "*_submit_tool",
    "final_answer",
    "final_report",
    "final_response",
    "finish",
    "finish_*",
    "finalize",
    "task_complete",
    "complete_task",
    "task_done",
    "mark_complete",
    "attempt_completion",
    "done",
    "end_run",
    "give_up",
)
"""Tools that end the run in public SRE agents (hand-built graphs end by a submit tool that sets a
state flag), plus the names that coding-agent frameworks use for the same. A policy file's `finish`
list is added to this one."""

SHELL_TOOLS: tuple[str, ...] = (
    "bash",
    "*_bash",
    "bash_*",
    "shell",
    "*_shell",
    "shell_*",
    "sh",
    "terminal",
    "terminal_*",
    "console",
    "cmd",
    "run_cmd",
    "run_command",
    "run_commands",
    "execute_command",
    "exec_command",
    "exec_shell",
    "execute_shell*",
    "execute",
    "run_terminal_cmd",
    "kubectl",
    "run_kubectl*",
    "kubectl_command*",
    "kubectl_exec*",
    "execute_kubectl*",
    "exec_kubectl*",
    "exec_read_only_kubectl*",
    "nl2kubectl*",
    "helm",
    "argocd",
    "flux",
    "istioctl",
    "curl",
    "promtool",
)
"""Tools whose argument is a command line, whatever the argument is called."""

RUN_TOOLS: tuple[str, ...] = (
    "task",
    "transfer_to_*",
    "transfer_back_to_*",
    "handoff_*",
    "hand_off_*",
    "delegate_*",
    "write_todos",
    "todo_write",
    "todo_read",
    "think",
    "plan",
    "update_plan",
    "update_topic",
    "ask_human",
    "ask_user",
    "request_clarification",
)
"""Tools that act within the run only: hand-offs of deepagents and langgraph-supervisor, plans and
questions. They touch nothing outside, so they read; what the other agent then does is judged call
by call. The policy's lists win over these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRules:
    """What the policy says of tools by their names. Empty lists leave it to the analysis."""

    finish: tuple[str, ...] = FINISH_TOOLS
    """Tools that ask to end the run."""
    read: tuple[str, ...] = ()
    """Tools that only look, whatever their arguments say."""
    write: tuple[str, ...] = ()
    destructive: tuple[str, ...] = ()
    shell: tuple[str, ...] = SHELL_TOOLS
    """Tools whose argument is a command line."""

    def effect_of(self, tool: str) -> Effect | None:
        """Give the effect that the policy sets for a tool; the gravest wins if several match."""
        for effect, patterns in (
            (Effect.FINISH, self.finish),
            (Effect.DESTRUCTIVE, self.destructive),
            (Effect.WRITE, self.write),
        ):
            if matches_in_any_spelling(tool, patterns=patterns):
                return effect
        return Effect.READ if matches(tool, patterns=self.read) else None

    def takes_command_line(self, tool: str) -> bool:
        """Tell whether the tool's argument is a command line."""
        return matches_in_any_spelling(tool, patterns=self.shell)


_REMEMBERED = 4_096
"""Pairs of a name and a list kept: a run has tens of tools, and globs cost 30 µs a call."""


@lru_cache(maxsize=_REMEMBERED)
def matches(tool: str, *, patterns: tuple[str, ...]) -> bool:
    """Tell whether a tool's name matches one of the globs, without regard to case."""
    name = tool.lower()
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)


@lru_cache(maxsize=_REMEMBERED)
def matches_in_any_spelling(tool: str, *, patterns: tuple[str, ...]) -> bool:
    """Tell whether a name matches as it stands, in snake case, or without the prefix of its server.

    `SubmitDiagnosis` and `mcp__bench__submit` end a run like `submit`. Only for lists that hold a
    tool back: a prefix must not make a stranger's tool one that the policy trusts to read.
    """
    bare = re.split(r"__|[./:]", tool)[-1]
    spellings = {tool, "_".join(words_of_name(tool)), bare, "_".join(words_of_name(bare))}
    return any(matches(spelling, patterns=patterns) for spelling in spellings)
