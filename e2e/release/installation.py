"""An environment that holds a built file and what it depends on, and nothing of this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.release.build import PINS
from e2e.clusters.build import REPO_ROOT

COMMAND_SECONDS = 180.0
INSTALL_SECONDS = 600.0
"""On a cold cache everything is fetched."""

KEPT = ("LANG", "SSL_CERT_FILE", "UV_CACHE_DIR", "UV_INDEX_URL", "UV_DEFAULT_INDEX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A virtual environment, and a folder to work in."""

    home: Path
    place: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.home / "bin" / "python"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs, with no variable that could lend it a module."""
        program, *rest = words
        return subprocess.run(
            [str(self.home / "bin" / program), *rest],
            cwd=self.place,
            env={
                **{name: os.environ[name] for name in KEPT if name in os.environ},
                "HOME": str(self.place),
                "PATH": f"{self.home / 'bin'}:/usr/bin:/bin",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )

    def names(self) -> set[str]:
        """Return the normal names of all that is installed."""
        code = "import importlib.metadata as m; print(*{d.name for d in m.distributions()})"
        found = self.run("python", "-c", code).stdout.split()
        return {re.sub(r"[-_.]+", "-", name).lower() for name in found}


def find_uv() -> str:
    """Return the uv that the Makefile takes.

    Raises:
        FileNotFoundError: There is none.
    """
    found = shutil.which("uv") or str(REPO_ROOT / ".venv-uv" / "bin" / "uv")
    if not Path(found).exists():
        raise FileNotFoundError("no uv: `make .venv-uv/bin/uv` installs it")
    return found


def install(file: Path, home: Path, *, constraints: Path | None = None) -> Installation:
    """Install a wheel or an sdist alone into a fresh environment.

    Raises:
        AssertionError: The installer refused; what it said is the message.
    """
    place = home.with_name(f"{home.name}-place")
    place.mkdir(parents=True)
    pins = ["--build-constraints", str(REPO_ROOT / PINS)]
    if constraints is not None:
        pins += ["--constraints", str(constraints)]
    into = ["--python", str(home / "bin" / "python")]
    for words in (
        ["venv", "--quiet", "--python", sys.executable, str(home)],
        ["pip", "install", "--quiet", *into, *pins, str(file)],
    ):
        done = subprocess.run(
            [find_uv(), *words],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
        assert done.returncode == 0, done.stderr
    return Installation(home=home, place=place)
