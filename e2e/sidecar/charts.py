"""Renders the chart with the pinned Helm, and hands over its manifests as values."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml

from e2e.clusters.build import CHART_TOOLS, REPO_ROOT, build
from e2e.clusters.errors import ClusterError

CHART = REPO_ROOT / "deploy" / "helm" / "guarded-agent"
CASES = {path.stem: path for path in sorted((CHART / "ci").glob("*.yaml"))}
"""Value sets that the chart ships for its tests, by name."""

HELM_TIMEOUT_SECONDS = 60.0
RELEASE = "rel"
NAMESPACE = "guard"

Manifest = dict[str, Any]
"""One object of the API, as YAML gives it; its kinds have no common type here."""


class RenderError(ClusterError):
    """Helm refused; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The manifests of one rendering."""

    manifests: tuple[Manifest, ...]

    def one(self, kind: str, ending: str = "") -> Manifest:
        """Return the only object of a kind whose name ends like that."""
        found = [m for m in self.all(kind) if m["metadata"]["name"].endswith(ending)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} objects of kind {kind} end with {ending!r}")
        return found[0]

    def all(self, kind: str) -> list[Manifest]:
        """Return every object of a kind."""
        return [m for m in self.manifests if m["kind"] == kind]

    def pod(self) -> Manifest:
        """Return the pod template's spec of the only Deployment."""
        return self.one("Deployment")["spec"]["template"]["spec"]

    def guard(self) -> Manifest:
        """Return the guard's container, wherever it runs."""
        spec = self.pod()
        (found,) = [
            container
            for container in [*spec["containers"], *spec.get("initContainers", [])]
            if container["name"] == "guarded-agent"
        ]
        return found

    def text(self) -> str:
        """Return them as one YAML text, for kubectl."""
        return yaml.safe_dump_all(self.manifests, sort_keys=False)

    def but(self, *kinds: str) -> Rendered:
        """Return them without some kinds."""
        return Rendered(tuple(m for m in self.manifests if m["kind"] not in kinds))


def helm(*arguments: str) -> str:
    """Run the pinned Helm and return what it printed.

    Raises:
        RenderError: It failed.
    """
    done = subprocess.run(
        [str(build(CHART_TOOLS).path("helm")), *arguments],
        capture_output=True,
        text=True,
        timeout=HELM_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RenderError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def render(
    values: Path | None = None,
    settings: Mapping[str, object] = MappingProxyType({}),
    *,
    namespace: str = NAMESPACE,
    only: str = "",
) -> Rendered:
    """Render the chart.

    Args:
        values: A file of values.
        settings: Values by dotted key, over those of the file.
        namespace: Where the release would be installed.
        only: One template, by its path in the chart.

    Raises:
        RenderError: A template or the schema refuses the values.
    """
    options = ["template", RELEASE, str(CHART), "--namespace", namespace]
    options += ["--values", str(values)] if values else []
    options += ["--show-only", only] if only else []
    for key, value in settings.items():
        options += ["--set-json", f"{key}={json.dumps(value)}"]
    return read(helm(*options))


def read(text: str) -> Rendered:
    """Read what Helm printed."""
    return Rendered(tuple(m for m in yaml.safe_load_all(text) if m))


def rules_of(roles: Iterable[Manifest]) -> set[tuple[str, str, str, str]]:
    """Return rights as (group, resource, verb, name), the name empty where any is meant."""
    return {
        (group, resource, verb, name)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in named(rule)
    }


def named(rule: Manifest) -> Sequence[str]:
    """Return the names that a rule is limited to, or the empty one."""
    names: Sequence[str] = rule.get("resourceNames") or [""]
    return names


Mode = Literal["standalone", "sidecar"]
