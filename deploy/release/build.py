"""Builds wheel, sdist and bill of materials: `python -m deploy.release.build --uv UV --out dist`.

What is built is what is committed: an unclean tree is refused, since files that git does not know
would be in the result, and nobody could build it again. Times are the commit's, and the programs
that build are pinned by hash, so the same commit gives the same bytes anywhere.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.release.lock import read_lock, read_needs
from deploy.release.sbom import bill, commit_time

ROOT = Path(__file__).parents[2]
PINS = Path("deploy") / "image" / "build-requirements.txt"
"""The same that the image's wheel is built with."""

BUILD_SECONDS = 300.0


class NotBuiltError(Exception):
    """One line for whoever releases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build leaves."""

    wheel: Path
    sdist: Path

    @property
    def version(self) -> str:
        """Return the version, as it stands in the wheel's name."""
        return self.wheel.name.split("-")[1]


def build(source: Path, out: Path, *, uv: str) -> Built:
    """Build the sdist of a folder, and the wheel from that sdist.

    Raises:
        NotBuiltError: The tree is not clean, or the build failed.
    """
    if unclean := git("status", "--porcelain", folder=source):
        raise NotBuiltError(
            f"{source} is not as committed; commit or remove first: {unclean.splitlines()[0]}"
        )
    _run_uv(source, out, uv=uv, kinds=())
    return Built(wheel=_only(out, "*.whl"), sdist=_only(out, "*.tar.gz"))


def build_wheel(source: Path, out: Path, *, uv: str, epoch: str) -> Path:
    """Build the wheel of a folder without the sdist between them.

    Args:
        source: A tree of git, or an unpacked sdist.
        out: Where to.
        uv: The program.
        epoch: When its commit was made, in seconds; an unpacked sdist cannot say.
    """
    _run_uv(source, out, uv=uv, kinds=("--wheel",), epoch=epoch)
    return _only(out, "*.whl")


def write_bill(built: Built, *, source: Path) -> Path:
    """Write the bill of materials beside the wheel."""
    lock = read_lock((source / "requirements.lock").read_text(encoding="utf-8"))
    needs = read_needs((source / "pyproject.toml").read_text(encoding="utf-8"))
    text = bill(
        lock,
        needs,
        wheel=built.wheel,
        version=built.version,
        at=commit_time(commit_epoch(source)),
    )
    path = built.wheel.with_name(f"guarded_agent-{built.version}.cdx.json")
    path.write_text(text, encoding="utf-8")
    return path


def commit_epoch(source: Path) -> str:
    """Return when the commit was made, in seconds."""
    return git("log", "-1", "--format=%ct", folder=source)


def git(*words: str, folder: Path) -> str:
    """Return what git prints.

    Raises:
        NotBuiltError: git failed; what it said is kept.
    """
    done = subprocess.run(  # noqa: S603  # fixed words
        ["git", *words],  # noqa: S607  # git by name
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotBuiltError(f"git {' '.join(words)} in {folder}: {done.stderr.strip()}")
    return done.stdout.strip()


def _run_uv(
    source: Path, out: Path, *, uv: str, kinds: Sequence[str], epoch: str | None = None
) -> None:
    pins = ROOT / PINS
    words = ["--build-constraints", str(pins), "--require-hashes", "--out-dir", str(out)]
    done = subprocess.run(  # noqa: S603  # the uv that the Makefile installed
        [uv, "build", "--quiet", "--python", sys.executable, *kinds, *words, str(source)],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch or commit_epoch(source)},
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_SECONDS,
    )
    if done.returncode:
        raise NotBuiltError(f"uv build of {source} failed:\n{done.stderr.strip()}")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise NotBuiltError(f"{folder} should have one {pattern}, and has {names}")
    return found[0]


def main(arguments: Sequence[str]) -> int:
    """Build into a folder, which is emptied of older builds first."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release.build")
    parser.add_argument("--uv", required=True, help="the uv to build with")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    out: Path = options.out
    try:
        for old in [p for kind in ("*.whl", "*.tar.gz", "*.cdx.json") for p in out.glob(kind)]:
            old.unlink()
        built = build(ROOT, out, uv=options.uv)
        written = write_bill(built, source=ROOT)
    except (NotBuiltError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write("".join(f"{p}\n" for p in (built.wheel, built.sdist, written)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
