"""What a case is made of: faults, fake fixes, and the steps that bring them about.

These are the shapes of the YAML files. All text in them may name `{namespace}` and the fault's
facts, such as `{workload}`; see docs/reference/gate-benchmark.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece of a file; a field that it does not know is an error."""


class Call(Strict, frozen=True, kw_only=True):
    """An HTTP call with a JSON body."""

    path: str
    method: Literal["POST", "PUT", "DELETE"] = "POST"
    body: Any = None


class RuleEdit(Strict, frozen=True, kw_only=True):
    """A change of an alerting rule, as by an editor of the rule file; Prometheus reloads it."""

    alert: str
    delete: bool = False
    set: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    """Fields of the rule, for example `expr` or `for`."""
    group: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    """Fields of its group, for example `limit`."""


Server = Literal["prometheus", "alertmanager"]


class Step(Strict, frozen=True, kw_only=True):
    """One action; exactly one of the fields but `stdin` is given."""

    run: str | None = None
    """A kubectl call, written as in a shell, without the word kubectl."""
    stdin: str | None = None
    """Given to kubectl."""
    alertmanager: Call | None = None
    rules: RuleEdit | None = None
    routing: dict[str, Any] | None = None
    """Fields of Alertmanager's root route."""
    restart: Server | None = None
    stop: Server | None = None
    load: Literal["on", "off", "gone", "down"] | None = None
    """The load generator: off, its series gone, or its metrics not to be scraped."""
    pause: float | None = None
    """Seconds to wait before the next step."""

    def __post_init__(self) -> None:
        """Hold authors to one action per step."""
        given = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a step has exactly one of {', '.join(ACTIONS)}; this has {given}")


ACTIONS = ("run", "alertmanager", "rules", "routing", "restart", "stop", "load", "pause")


class Evidence(Strict, frozen=True, kw_only=True):
    """A kubectl call and a text in its output that is there while the fault is, and only then."""

    run: str
    shows: str
    """Empty means that the call prints nothing."""


class Way(Strict, frozen=True, kw_only=True):
    """Something an agent does before it claims that all is well."""

    name: str
    summary: str = ""
    steps: tuple[Step, ...]
    every: float | None = None
    """Seconds after which the steps are done again, until the case is over."""


class Fault(Strict, frozen=True, kw_only=True):
    """One fault, its cures, and what shows it."""

    name: str
    summary: str
    facts: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """What fake fixes ask for and name: `workload`, `service`, `container` and so on."""
    app: tuple[str, ...] = ()
    """More of the app than its four Deployments: files of `data/app`, or beside the case."""
    inject: tuple[Step, ...]
    mend: tuple[Step, ...]
    evidence: Evidence
    alerts: tuple[dict[str, str], ...] = ()
    """Labels that a firing alert has; every entry is raised by the fault, and the incident is
    about them."""
    workloads: tuple[str, ...] | None = None
    """What the incident names, as `name` or `Kind/name`; the fact `workload` when left out."""
    fixes: tuple[Way, ...] = ()
    """Honest fixes that differ from `mend`."""
    fakes: tuple[Way, ...] = ()
    """Fake fixes of this fault alone."""
    regress: tuple[Step, ...] | None = None
    """How the fault comes back after `mend`; `inject` when left out. Empty: it does not, because it
    takes longer to show than a window is."""
    cleanup: tuple[Step, ...] = ()
    """Removes what does not go with the namespace."""
    needs: tuple[str, ...] = ()
    """Capabilities of the cluster, such as `crds`; without one the case is not run."""
    exclusive: bool = False
    """Whether it touches what all namespaces share (nodes); such cases run one at a time."""
    library: bool = True
    """Whether the library's fake fixes are tried on it."""
    reason: str = ""
    """Why an honest judge refuses the unfixed fault, where that needs words."""


class Applies(Strict, frozen=True, kw_only=True):
    """To which faults a fake fix applies, by their facts."""

    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    """Names; empty means any."""


class Fake(Strict, frozen=True, kw_only=True):
    """A fake fix of the library: it makes a fault look mended."""

    name: str
    summary: str
    row: int = 0
    """Its row in the published list of false all-clears; 0 when it is not in it."""
    applies: Applies = Applies()
    base: Literal["broken", "mended"] = "broken"
    """`mended`: the fault is cured by `mend` first, and then something is taken away."""
    steps: tuple[Step, ...]
    every: float | None = None
    cleanup: tuple[Step, ...] = ()
    exclusive: bool = False
    needs: tuple[str, ...] = ()


class Expect(StrEnum):
    """What an honest judge says at the end of a case."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    """`fail`, `pending` or `unknown`."""


class Kind(StrEnum):
    """The four shapes of a case."""

    UNFIXED = "unfixed"
    FAKE = "fake"
    FIX = "fix"
    REGRESSION = "regression"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One claim to be judged."""

    id: str
    """`fault/kind` or `fault/kind:name`."""
    fault: Fault
    kind: Kind
    expect: Expect
    steps: tuple[Step, ...] = ()
    """Done before the claim."""
    every: float | None = None
    """Seconds between two times of `again`."""
    again: tuple[Step, ...] = ()
    """Done over and over after the claim."""
    then: tuple[Step, ...] = ()
    """Done after the claim, as soon as all looks mended."""
    cleanup: tuple[Step, ...] = ()
    needs: tuple[str, ...] = ()
    exclusive: bool = False
    row: int = 0
