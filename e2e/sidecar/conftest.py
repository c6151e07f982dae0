"""Prints what became of runs under chaos, where tests of it ran."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2e.sidecar.chaos import table

RESULTS = "GUARDED_AGENT_CHAOS_RESULTS"
"""Names a file that gets the table as JSON."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and write it where that is asked for."""
    if not table.ROWS:
        return
    terminalreporter.section("chaos")
    for line in table.lines():
        terminalreporter.write_line(line)
    if path := os.environ.get(RESULTS):
        table.save(Path(path))
