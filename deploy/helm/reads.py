"""Writes the chart's RBAC rules from the table of kinds that the checks read.

`python deploy/helm/reads.py` renews `guarded-agent/files/reads.yaml`; a test compares them. The
only verb is `list`: the guard watches nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from guardrails.gates.kubernetes.resources import RESOURCES, Resource
from guardrails.gates.reference.history import HISTORY_LISTS
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of

FILE = Path(__file__).parent / "guarded-agent" / "files" / "reads.yaml"

HEAD = """\
# Written by deploy/helm/reads.py from guardrails/gates/kubernetes/resources.py: change it there.
# Every rule grants `list` alone, as the guard reads whole lists and nothing else.
"""

APART: Mapping[str, str] = {"ConfigMap": "configMaps"}
"""Kinds that are granted by a value of their own. Of what is in ConfigMaps the guard keeps digests
only, but it reads it, and some clusters hold secrets there."""

EXTENSIONS: Mapping[str, str] = {"istio.io": "istio", "chaos-mesh.org": "chaosMesh"}
"""Which value grants the kinds of an extension, by the end of their API group."""

Rule = dict[str, list[str]]


def document() -> dict[str, object]:
    """Return the rules: what every scope needs, and what a value of its own grants."""
    read = [RESOURCES[kind] for kind in sorted(lists_of(DEFAULT_CHECKS, more=HISTORY_LISTS))]
    usual = [r for r in read if r.kind not in APART and not r.optional]
    extra: dict[str, dict[str, list[Rule]]] = {
        value: _split([r for r in read if r.kind == kind]) for kind, value in APART.items()
    }
    for ending, value in EXTENSIONS.items():
        extra[value] = _split([r for r in read if r.optional and r.group.endswith(ending)])
    return {**_split(usual), "optional": extra}


def text() -> str:
    """Return the file's text."""
    return HEAD + yaml.safe_dump(document(), sort_keys=False, default_flow_style=None, width=100)


def _split(resources: Iterable[Resource]) -> dict[str, list[Rule]]:
    found = list(resources)
    return {
        "namespaced": _rules([r for r in found if r.namespaced]),
        "cluster": _rules([r for r in found if not r.namespaced]),
    }


def _rules(resources: Sequence[Resource]) -> list[Rule]:
    """Return one rule for each API group."""
    groups: dict[str, list[str]] = {}
    for resource in resources:
        groups.setdefault(resource.group, []).append(resource.plural)
    return [
        {"apiGroups": [group], "resources": sorted(plurals), "verbs": ["list"]}
        for group, plurals in sorted(groups.items())
    ]


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
