"""What is in the files, and that anybody gets the same ones."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from deploy.release import build as building
from deploy.release.build import Built, NotBuiltError, build, git
from deploy.release.lock import name_of
from deploy.release.reproduce import build_twice, differences
from e2e.clusters.build import REPO_ROOT
from e2e.release.installation import install

ENTRY = "guarded_agent_entry.py"
REQUIREMENTS = "print(*(r for d in distributions() for r in d.requires or ()), sep=chr(10))"
NOTES = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def tracked(source: Path, *folders: str) -> set[str]:
    """Return the files that git knows."""
    return set(git("ls-files", "--", *folders, folder=source).splitlines())


@pytest.mark.timeout(600)
def test_two_machines_build_the_same_bytes(source: Path, tmp_path: Path, uv: str) -> None:
    """Other folder, umask, time zone and file times; the sdist builds the same wheel too."""
    first, second, wheels = build_twice(source, tmp_path, uv=uv)
    assert len(first) == len(("wheel", "sdist", "bill"))
    assert differences(first, second) == []
    (wheel,) = (value for name, value in first.items() if name.endswith(".whl"))
    assert set(wheels.values()) == {wheel}


def test_another_commit_builds_others(built: Built, source: Path, tmp_path: Path, uv: str) -> None:
    """The comparison above can fail."""
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--no-hardlinks", str(source), str(clone), folder=tmp_path)
    (clone / "guardrails" / "py.typed").write_text("changed\n")
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    git(*identity, "commit", "--quiet", "--all", "--message", "other", folder=clone)
    other = build(clone, tmp_path / "out", uv=uv)
    assert other.wheel.read_bytes() != built.wheel.read_bytes()


def test_the_wheel_has_the_package_and_nothing_else(built: Built, source: Path) -> None:
    """Every file of it, templates and policies too; no test, page or chart."""
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
    notes = {name for name in names if ".dist-info/" in name}
    assert {name.partition(".dist-info/")[2] for name in notes} == NOTES
    assert names - notes == tracked(source, "guardrails") | {ENTRY}


def test_the_sdist_has_what_git_has(built: Built, source: Path) -> None:
    """So whoever packages it further can build and test it."""
    with tarfile.open(built.sdist) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    assert names - {"PKG-INFO"} == tracked(source)


@pytest.mark.timeout(600)
def test_the_suite_runs_from_the_sdist(built: Built, tmp_path: Path) -> None:
    """The part that reads the most beside the package: schemas, pages, deploy files."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    tests = ("tests/policy", "tests/deploy/test_bill.py")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            *tests,
        ],
        cwd=unpacked,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(unpacked), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "skipped" not in done.stdout


def test_an_unclean_tree_is_not_built(source: Path, tmp_path: Path, uv: str) -> None:
    """A file that git does not know would be in the wheel, and in nobody else's."""
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(source), str(clone), folder=tmp_path)
    (clone / "guardrails" / "stray.py").touch()
    with pytest.raises(NotBuiltError, match=r"not as committed; .*guardrails/stray\.py"):
        build(clone, tmp_path / "out", uv=uv)


def test_a_build_that_fails_says_why(source: Path, tmp_path: Path, uv: str) -> None:
    """What the builder printed is kept."""
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(source), str(clone), folder=tmp_path)
    (clone / "pyproject.toml").write_text("[build-system]\nrequires = 1\n")
    with pytest.raises(NotBuiltError, match=r"(?s)uv build of .* failed:.*requires = 1"):
        building.build_wheel(clone, tmp_path / "out", uv=uv, epoch="0")


def test_the_bill_lists_what_is_installed(built: Built, tmp_path: Path) -> None:
    """Nothing that an installer takes by the lock is left out of the required components.

    What is listed and not installed is what only an extra of a component asks for: the lock does
    not tell such an edge from others.
    """
    installation = install(
        built.wheel, tmp_path / "env", constraints=REPO_ROOT / "requirements.lock"
    )
    (bill,) = built.wheel.parent.glob("*.cdx.json")
    parts = json.loads(bill.read_text())["components"]
    required = {
        part["name"]
        for part in parts
        if part["scope"] == "required" and _here([p["value"] for p in part.get("properties", [])])
    }
    names = installation.names() - {"guarded-agent"}
    assert names <= required
    code = f"from importlib.metadata import distributions\n{REQUIREMENTS}"
    lines = installation.run("python", "-c", code).stdout.splitlines()
    asking = {name: [line for line in lines if name_of(line) == name] for name in required - names}
    assert all(found for found in asking.values())
    assert [line for found in asking.values() for line in found if "extra ==" not in line] == []


def _here(markers: list[str]) -> bool:
    """Say whether a component is for this machine, by its PEP 508 marker."""
    from packaging.markers import Marker  # noqa: PLC0415  # only for this

    return all(Marker(marker).evaluate() for marker in markers)


def test_what_a_wheel_asks_for_has_its_bound(built: Built) -> None:
    """Nothing without a lowest version: `make test-lowest` would test nothing of it."""
    with zipfile.ZipFile(built.wheel) as archive:
        (notes,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        lines = archive.read(notes).decode().partition("\n\n")[0].splitlines()
    asked = [line for line in lines if line.startswith("Requires-Dist: ")]
    free = [line for line in asked if ">=" not in line and "guarded-agent[" not in line]
    assert asked
    assert free == []
