"""`kubectl describe`: the fields of each object, its conditions, and the warnings below it."""

import re
from collections.abc import Iterator
from typing import Final

from guardrails.actions.facts.fact import Place, Shown, shown
from guardrails.actions.facts.objects import CLUSTER_WIDE

_READ: Final = frozenset({"Init Containers", "Containers", "Pod Template", "Conditions", "Events"})
"""Sections that are read."""
_REPLICAS = re.compile(r"(\d+) desired(?:.*?(\d+) available)?")
_WIDE = re.compile(r"\s{2,}")

_PLAIN = {
    "Status": "status",
    "Node": "node",
    "Type": "type",
    "Reason": "reason",
    "Volume": "volume",
}
"""Fields at the left margin that are facts as they stand."""


def described_in(text: str, *, kind: str, namespace: str) -> Iterator[Shown]:
    """Yield what `kubectl describe` printed of each object.

    Args:
        text: Its output.
        kind: The kind that the call asked for; without it, the fields tell.
        namespace: The namespace that the call asked for, for objects that do not show theirs.
    """
    for part in f"\n{text}".split("\nName:")[1:]:
        found = _Object(part)
        own = kind or found.kind()
        space = "" if own in CLUSTER_WIDE else found.top.get("Namespace", namespace)
        if found.name and " " not in found.name:
            yield shown(Place(own, space, found.name), found.facts(own))


_STOPPED: Final = frozenset({"State Waiting", "State Terminated"})
_AS_PLANNED: Final = frozenset({"Completed", "PodInitializing"})


class _Object:
    """The fields of one object, sorted."""

    def __init__(self, text: str) -> None:
        self.top: dict[str, str] = {}
        self.told: dict[str, str] = {}
        self.images: list[str] = []
        self.ready: list[bool] = []
        self.restarts = 0
        self.state = self.waits = ""
        name, _, rest = text.partition("\n")
        self.name = name.strip()
        section = ""
        for line in rest.split("\n"):
            if line[:1] not in {" ", "\t"}:
                section = self._margin(line)
            elif section:
                self._inside(section, line)

    def _margin(self, line: str) -> str:
        """Read a field at the left margin; return the section that it begins, if it does."""
        field, _, value = line.partition(":")
        self.top.setdefault(field, value.strip())
        return field if field in _READ else ""

    def _inside(self, section: str, line: str) -> None:
        match section:
            case "Conditions":
                self._condition(line)
            case "Events":
                self._event(line)
            case _:
                field, _, value = line.strip().partition(":")
                if section == "Init Containers":
                    self._initial(field, value.strip())
                elif value:
                    self._container(field, value.strip())

    def _condition(self, line: str) -> None:
        cells = line.split()
        if len(cells) < 2 or cells[1] not in {"True", "False", "Unknown"}:  # noqa: PLR2004  # type, status
            return
        # Deployments print a reason in the third column, nodes a time, and pods nothing.
        reason = cells[2] if len(cells) == 3 else ""  # noqa: PLR2004
        shows_reason = reason and cells[1] != "True"
        self.told[f"condition:{cells[0]}"] = f"{cells[1]} ({reason})" if shows_reason else cells[1]

    def _event(self, line: str) -> None:
        cells = _WIDE.split(line.strip(), maxsplit=4) if "Warning" in line else ()
        if len(cells) == 5 and cells[0] == "Warning":  # noqa: PLR2004  # type reason age from message
            self.told[f"event:{cells[1]}"] = cells[4]

    def _initial(self, field: str, value: str) -> None:
        """Read an init container: only one that does not come to its end is news."""
        if field in {"State", "Last State"}:
            self.state = f"{field} {value}"
        elif field == "Reason" and self.state in _STOPPED and value not in _AS_PLANNED:
            self.waits = self.waits or f"Init:{value}"

    def _container(self, field: str, value: str) -> None:
        match field:
            case "Image":
                self.images.append(value)
            case "State" | "Last State":
                self.state = f"{field} {value}"
            case "Reason":
                if self.state in _STOPPED:
                    self.waits = self.waits or value
                if self.state.endswith("Terminated"):
                    self.told.setdefault("reason", value)
            case "Exit Code":
                self.told.setdefault("exit-code", value)
            case "Ready":
                self.ready.append(value == "True")
            case "Restart Count" if value.isdecimal():
                self.restarts += int(value[:9])
            case _:
                pass

    def kind(self) -> str:
        """Tell the kind by the fields that only it has."""
        for kind, field in _TELLING:
            if field in self.top:
                return kind
        return ""

    def facts(self, kind: str) -> dict[str, str]:
        """Tell the facts of the object, the most telling first."""
        told = {what: self.top[name] for name, what in _PLAIN.items() if name in self.top}
        if kind == "pod":
            told |= self._of_pod()
        if self.images:
            told["image"] = ",".join(self.images)
        wanted = _REPLICAS.search(self.top.get("Replicas", ""))
        if wanted is not None:
            told |= {"ready": f"{wanted[2] or 0}/{wanted[1]}", "replicas": wanted[1]}
        if kind in {"service", "endpoints"} and "Endpoints" in self.top:
            told["endpoints"] = self.top["Endpoints"] or "<none>"
        if kind == "service" and (selector := self.top.get("Selector", "<none>")) != "<none>":
            told["selector"] = selector
        if kind == "node":
            told["status"] = self._of_node()
        if "node" in told:
            told["node"] = told["node"].partition("/")[0]
        return told | self._telling_conditions(kind)

    def _of_pod(self) -> dict[str, str]:
        if not self.ready:
            return {"status": self.waits} if self.waits else {}
        told = {"ready": f"{sum(self.ready)}/{len(self.ready)}", "restarts": str(self.restarts)}
        ended = self.top.get("Status") in {"Succeeded", "Failed"}
        return told if ended or not self.waits else told | {"status": self.waits}

    def _of_node(self) -> str:
        ready = self.told.get("condition:Ready", "")
        status = "Ready" if ready == "True" else "NotReady" if ready else ""
        closed = self.top.get("Unschedulable") == "true"
        return f"{status},SchedulingDisabled".strip(",") if closed else status

    def _telling_conditions(self, kind: str) -> dict[str, str]:
        """Leave out a pod's conditions that are met: every pod that runs has the same five."""
        if kind != "pod":
            return self.told
        return {
            what: value
            for what, value in self.told.items()
            if not what.startswith("condition:") or value != "True"
        }


_TELLING = (
    ("pod", "QoS Class"),
    ("deployment", "StrategyType"),
    ("service", "Session Affinity"),
    ("replicaset", "Pods Status"),
    ("node", "System Info"),
    ("persistentvolumeclaim", "Access Modes"),
    ("job", "Completions"),
    ("cronjob", "Schedule"),
    ("horizontalpodautoscaler", "Metrics"),
    ("persistentvolume", "Reclaim Policy"),
)
"""Fields at the left margin that tell a kind apart."""
