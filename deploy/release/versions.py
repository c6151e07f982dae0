"""Holds every place that says a version against the tag: `python -m deploy.release.versions check`.

The tag is the source. Wheel and image take it when they are built; the chart, the changelog and the
tutorial are files, so `write X.Y.Z` sets them before the tag is made, and `check` refuses a release
in which one was left behind.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

from deploy.release.build import NotBuiltError, git

ROOT = Path(__file__).parents[2]
CHART = Path("deploy") / "helm" / "guarded-agent" / "Chart.yaml"
TUTORIAL = Path("docs") / "tutorial" / "guard-a-deployment.md"
CHANGELOG = Path("CHANGELOG.md")

_CHART_VERSION = re.compile(r"^version: (\S+)$", re.MULTILINE)
_APP_VERSION = re.compile(r'^appVersion: "([^"]+)"$', re.MULTILINE)
_IMAGE = re.compile(r"/guarded-agent:([\w.-]+)")
_BUILD_ARGUMENT = re.compile(r"--build-arg VERSION=(\S+)")
_HEADING = re.compile(r"^## (\S+)", re.MULTILINE)
_UNRELEASED = "## Unreleased\n"

SEMVER_PHASES: Mapping[str, str] = {"a": "alpha", "b": "beta", "rc": "rc"}
"""Helm wants Semantic Versioning, where `0.2.0rc1` is `0.2.0-rc.1`."""


def chart_version(version: Version) -> str:
    """Return a version as Helm wants it.

    Raises:
        NotBuiltError: It has a part that a release has not.
    """
    if version.local or version.dev is not None or version.post is not None or version.epoch:
        raise NotBuiltError(f"{version} is no release; a tag is vX.Y.Z, or vX.Y.ZrcN")
    if version.pre is None:
        return version.base_version
    phase, number = version.pre
    return f"{version.base_version}-{SEMVER_PHASES[phase]}.{number}"


def tagged_version(root: Path) -> Version:
    """Return the version of the tag on the commit that is checked out.

    Raises:
        NotBuiltError: There is none, several, or one that is no version.
    """
    tags = git("tag", "--points-at", "HEAD", "--list", "v[0-9]*", folder=root).split()
    if len(tags) != 1:
        found = ", ".join(tags) or "none"
        raise NotBuiltError(f"this commit should have one tag vX.Y.Z, and has {found}")
    return parsed(tags[0].removeprefix("v"))


def parsed(text: str) -> Version:
    """Return a version of three numbers, in its normal form.

    Raises:
        NotBuiltError: It is none.
    """
    try:
        version = Version(text)
    except InvalidVersion:
        raise NotBuiltError(f"{text!r} is no version; write X.Y.Z, or X.Y.ZrcN") from None
    if str(version) != text or len(version.release) != len(("X", "Y", "Z")):
        raise NotBuiltError(f"{text!r} is not in its normal form X.Y.Z, or X.Y.ZrcN")
    return version


def said(root: Path) -> dict[str, list[str]]:
    """Return what each place says, by its name."""
    chart = (root / CHART).read_text(encoding="utf-8")
    page = (root / TUTORIAL).read_text(encoding="utf-8")
    return {
        f"{CHART}: version": _CHART_VERSION.findall(chart),
        f"{CHART}: appVersion": _APP_VERSION.findall(chart),
        f"{TUTORIAL}: the image's tag": _IMAGE.findall(page),
        f"{TUTORIAL}: --build-arg VERSION": _BUILD_ARGUMENT.findall(page),
    }


def differences(root: Path, version: Version, *, dist: Path | None = None) -> list[str]:
    """Return a line for each place that does not say this version."""
    wanted = {f"{CHART}: version": chart_version(version)}
    found = [
        f"{place} says {text or 'nothing'}, not {wanted.get(place, str(version))}"
        for place, texts in said(root).items()
        for text in sorted(set(texts)) or [""]
        if text != wanted.get(place, str(version))
    ]
    headings: list[str] = _HEADING.findall((root / CHANGELOG).read_text(encoding="utf-8"))
    if str(version) not in headings:
        found.append(f"{CHANGELOG} has no heading `## {version} - DATE`")
    if dist is not None:
        built = {path.name.split("-")[1] for path in dist.glob("*.whl")}
        if built != {str(version)}:
            found.append(f"{dist} has the wheel of {', '.join(sorted(built)) or 'no version'}")
    return found


def write(root: Path, version: Version, *, on: date) -> None:
    """Let every file say this version, and give the changelog a heading for it.

    Raises:
        NotBuiltError: The version is no release.
    """
    chart, page, log = (root / path for path in (CHART, TUTORIAL, CHANGELOG))
    text = chart.read_text(encoding="utf-8")
    text = _CHART_VERSION.sub(f"version: {chart_version(version)}", text)
    chart.write_text(_APP_VERSION.sub(f'appVersion: "{version}"', text), encoding="utf-8")
    text = _IMAGE.sub(f"/guarded-agent:{version}", page.read_text(encoding="utf-8"))
    page.write_text(_BUILD_ARGUMENT.sub(f"--build-arg VERSION={version}", text), encoding="utf-8")
    text = log.read_text(encoding="utf-8")
    if str(version) not in _HEADING.findall(text):
        heading = f"{_UNRELEASED}\n## {version} - {on.isoformat()}\n"
        log.write_text(text.replace(_UNRELEASED, heading, 1), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Check, or write."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release.versions")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="hold every place against the tag on this commit")
    check.add_argument("--dist", type=Path, help="a folder whose wheel must have it too")
    commands.add_parser("write", help="set every place").add_argument("version")
    commands.add_parser("show", help="print the version of the tag on this commit")
    options = parser.parse_args(arguments)
    try:
        if options.command == "write":
            write(ROOT, parsed(options.version), on=datetime.now(UTC).date())
            return 0
        version = tagged_version(ROOT)
        found = differences(ROOT, version, dist=options.dist) if options.command == "check" else []
    except NotBuiltError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for line in found:
        sys.stderr.write(f"error: {line}\n")
    sys.stdout.write(f"{version}\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
