"""Variables that decide which program or code runs under a known name.

`PATH=/tmp/x kubectl get pods` may run anything; a line that sets one of these is not understood.
"""

import re

from guardrails.actions.tables import tokens

CHANGES_PROGRAMS = tokens(
    "PATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT BASH_ENV BASH_ALIASES BASH_CMDS SHELLOPTS BASHOPTS"
    " PROMPT_COMMAND"
    " PS4 KUBECTL_EXTERNAL_DIFF KUBECTL_PLUGINS_PATH KUBERC HELM_PLUGINS PAGER LESSOPEN LESSCLOSE"
    " MANPAGER GIT_SSH_COMMAND GIT_PAGER GIT_EXTERNAL_DIFF PYTHONPATH PYTHONSTARTUP PERL5OPT"
    " RUBYOPT NODE_OPTIONS SYSTEMD_PAGER CURL_HOME HOME"
)
"""`IFS` splits only what is expanded, which stays open anyway; `ENV` is read by interactive shells.
`HOME` and `CURL_HOME` name the place of `.curlrc`, which may turn a GET into anything."""

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def is_assignment(word: str) -> bool:
    """Tell whether a word is `NAME=value`."""
    return _ASSIGNMENT.match(word) is not None


def changes_programs(assignment: str) -> bool:
    """Tell whether `NAME=value` or `NAME` decides what runs under a known name."""
    return assignment.partition("=")[0] in CHANGES_PROGRAMS
