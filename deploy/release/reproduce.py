"""Builds the commit twice, as differently as two machines would, and compares every byte.

`python -m deploy.release.reproduce --uv UV [--dist dist]`. The clones have other names, other times
of their files, another umask, time zone and locale. The wheel of the tree and the wheel of the
sdist must be the same too. With `--dist`, what lies there must be what was built.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.release.build import (
    ROOT,
    NotBuiltError,
    build,
    build_wheel,
    commit_epoch,
    git,
    write_bill,
)

Digests = Mapping[str, str]
"""SHA-256 by the name of a file."""

LONG_AGO = 1_000_000_000
"""2001, in seconds: a time that files of a fresh clone never have."""


def digests(folder: Path) -> Digests:
    """Return the digests of what a build leaves in a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in ("*.whl", "*.tar.gz", "*.cdx.json")
        for path in sorted(folder.glob(pattern))
    }


def build_twice(source: Path, scratch: Path, *, uv: str) -> tuple[Digests, Digests, Digests]:
    """Return the digests of two builds, and those of wheels made without and from the sdist."""
    first, second = scratch / "a", scratch / "b-with another name" / "deeper"
    for clone in (first, second):
        clone.parent.mkdir(parents=True, exist_ok=True)
        git("clone", "--quiet", "--no-hardlinks", str(source), str(clone), folder=scratch)
    _build(first, scratch / "out-a", uv=uv)
    _age(second)
    with _elsewhere():
        _build(second, scratch / "out-b", uv=uv)
    epoch = commit_epoch(first)
    direct = build_wheel(first, scratch / "out-tree", uv=uv, epoch=epoch)
    (sdist,) = (scratch / "out-a").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(scratch / "unpacked", filter="data")
    (unpacked,) = (scratch / "unpacked").iterdir()
    from_sdist = build_wheel(unpacked, scratch / "out-sdist", uv=uv, epoch=epoch)
    wheels = {
        f"{path.name} ({origin})": hashlib.sha256(path.read_bytes()).hexdigest()
        for origin, path in (("tree", direct), ("sdist", from_sdist))
    }
    return digests(scratch / "out-a"), digests(scratch / "out-b"), wheels


def differences(first: Digests, second: Digests) -> list[str]:
    """Return a line for each file that is not the same in both."""
    names = sorted(set(first) | set(second))
    return [
        f"{name}: {first.get(name, 'missing')} and {second.get(name, 'missing')}"
        for name in names
        if first.get(name) != second.get(name)
    ]


def _build(clone: Path, out: Path, *, uv: str) -> None:
    write_bill(build(clone, out, uv=uv), source=clone)


def _age(clone: Path) -> None:
    for path in clone.rglob("*"):
        if ".git" not in path.relative_to(clone).parts[:1] and not path.is_symlink():
            os.utime(path, (LONG_AGO, LONG_AGO))


@contextmanager
def _elsewhere() -> Generator[None]:
    """Let what is started here find itself on another machine, as far as variables can."""
    wanted = {"TZ": "Pacific/Chatham", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    before = {name: os.environ.get(name) for name in wanted}
    mask = os.umask(0o077)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.umask(mask)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def main(arguments: Sequence[str]) -> int:
    """Compare, and say which file differs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release.reproduce")
    parser.add_argument("--uv", required=True, help="the uv to build with")
    parser.add_argument("--dist", type=Path, help="a folder that must hold the same")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            first, second, wheels = build_twice(ROOT, Path(scratch), uv=options.uv)
        except (NotBuiltError, ValueError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
    found = differences(first, second)
    (wheel,) = (value for name, value in first.items() if name.endswith(".whl"))
    found += [f"{name}: {value} and {wheel}" for name, value in wheels.items() if value != wheel]
    if options.dist is not None:
        found += [f"{options.dist}/{line}" for line in differences(digests(options.dist), first)]
    for line in found:
        sys.stderr.write(f"error: not reproducible: {line}\n")
    sys.stdout.write("".join(f"{value}  {name}\n" for name, value in first.items()))
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
