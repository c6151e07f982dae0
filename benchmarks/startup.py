"""What starting costs: the command's help and our import, beside what we must not load."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.tables import quantile

REPEATS = 7
_PYTHON = sys.executable
COMMANDS: dict[str, list[str]] = {
    "python, nothing": [_PYTHON, "-c", "pass"],
    "guarded-agent --help": [str(Path(_PYTHON).with_name("guarded-agent")), "--help"],
    "import guardrails": [_PYTHON, "-c", "import guardrails"],
    "import guardrails.testing": [_PYTHON, "-c", "import guardrails.testing"],
    "import GuardrailMiddleware": [
        _PYTHON,
        "-c",
        "from guardrails.integrations.langchain import GuardrailMiddleware",
    ],
    "import langchain.agents": [_PYTHON, "-c", "import langchain.agents"],
}


def startup_rows() -> list[dict[str, object]]:
    """A row per command, run in turn; the best run is the least disturbed one."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for rep in range(REPEATS + 1):
        for name, command in COMMANDS.items():
            began = os.times()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # our own
            if rep:  # the first round writes byte code
                spent[name].append(_since(began))
    return [
        {
            "start": name,
            "best s": min(wall for wall, _ in values),
            "p50 s": quantile([wall for wall, _ in values], 0.5),
            "CPU p50 s": quantile([cpu for _, cpu in values], 0.5),
        }
        for name, values in spent.items()
    ]


def _since(began: os.times_result) -> tuple[float, float]:
    """Seconds on the wall, and of the child's CPU."""
    now = os.times()
    user = now.children_user - began.children_user
    return now.elapsed - began.elapsed, user + now.children_system - began.children_system
