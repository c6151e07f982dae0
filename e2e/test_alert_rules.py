"""The alert rules in `deploy/alerts`, lived through by Prometheus's own tool."""

import subprocess
from pathlib import Path

from e2e.clusters.monitoring import program

FOLDER = Path(__file__).parent.parent / "deploy" / "alerts"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool, which the package of Prometheus brings."""
    program("prometheus")
    return subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, check=False, cwd=FOLDER
    )


def test_the_rules_pass_their_unit_tests() -> None:
    """Each alert fires in the hours that it is for, and in no others."""
    done = promtool("test", "rules", "tests.yaml", "service-tests.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_well_formed() -> None:
    """Prometheus would load them."""
    done = promtool("check", "rules", "guarded-agent.yaml", "guarded-agent-service.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
