"""Packages the chart with the Helm that the suite tests it with, and prints the file's name.

`python -m deploy.release.chart --out dist`. The chart says its versions itself, and
`make release-check` holds them against the tag.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from e2e.clusters.build import CHART_TOOLS, REPO_ROOT, build
from e2e.clusters.errors import ClusterUnavailableError

CHART = REPO_ROOT / "deploy" / "helm" / "guarded-agent"


def main(arguments: Sequence[str]) -> int:
    """Package the chart into a folder."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release.chart")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        helm = build(CHART_TOOLS).path("helm")
    except ClusterUnavailableError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    done = subprocess.run(  # noqa: S603  # the Helm that was built from pinned modules
        [str(helm), "package", "--destination", str(options.out), str(CHART)],
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
