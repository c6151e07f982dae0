"""Writes the reference pages that come from the code: `make reference`.

They are committed, so that a code host shows them and a review sees what changes; a test compares.
The Python names are not among them: the site reads those from their docstrings.
"""

import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

from docs.written import commands, operations, schemas, weights

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"


WEIGHTS = HERE / "explanation" / "decisive-or-structural.md"


def written() -> Mapping[str, str]:
    """Return what this writes: texts by file name, as seen from reference/."""
    return {
        f"../explanation/{WEIGHTS.name}": weights.with_table(WEIGHTS.read_text(encoding="utf-8")),
        commands.PAGE: commands.page(),
        operations.PAGE: operations.page(),
        **schemas.written(),
    }


def main() -> None:
    """Write all of it, and what other parts of the project write of their own."""
    for name, text in written().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    for module in (
        "guardrails.policy.schema",
        "guardrails.fsm.schema",
        "guardrails.sidecar.schema",
    ):
        sys.argv = [module, str(REFERENCE)]
        runpy.run_module(module, run_name="__main__")
    runpy.run_path(str(REFERENCE / "write_machines.py"), run_name="__main__")


if __name__ == "__main__":
    main()
