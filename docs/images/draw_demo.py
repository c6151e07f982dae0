"""Draws docs/images/demo.svg from a real run of the demo: `make demo-picture`.

Only the lines of the story are kept: the false claim, its refusal, the fix, the wait, the end.
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from guardrails.cli.app import run_cli

HERE = Path(__file__).parent
WIDTH = 100
KEPT = ("step", "claim", "refused", "write", "waiting", "accepted", "outcome", "proof", "- ")
STYLES = {
    "refused": "bold red",
    "- ": "red",
    "write": "yellow",
    "waiting": "magenta",
    "accepted": "bold green",
    "outcome": "bold green",
}


def main() -> None:
    """Run the demo, and draw what it prints."""
    stdout, sys.stdout = sys.stdout, io.StringIO()
    try:
        code = run_cli(["run", "--demo", "false-victory"])
        printed = sys.stdout.getvalue()
    finally:
        sys.stdout = stdout
    if code != 0:
        raise SystemExit(f"the demo ended with {code}")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ guarded-agent run --demo", style="bold"))
    for line in printed.splitlines():
        label = re.sub(r"^ *[0-9.]+s +", "", line)
        word = next((kept for kept in KEPT if label.startswith(kept)), None)
        if word is not None:
            text = Text(line, style=STYLES.get(word, ""), no_wrap=True, overflow="ellipsis")
            console.print(text)
    svg = console.export_svg(title="guarded-agent run --demo", clear=True)
    # No font is fetched from anybody's host: the reader's own monospaced one will do.
    svg = re.sub(r"@font-face \{[^}]*\}", "", svg).replace("Fira Code", "ui-monospace")
    (HERE / "demo.svg").write_text(re.sub(r"\n\s*\n+", "\n", svg), encoding="utf-8")


if __name__ == "__main__":
    main()
