"""Where dependencies hide: templates that take addresses from configuration that nobody reads.

ConfigMaps are kept as digests and Secrets are not read, so whom such a workload calls cannot be
seen. Whoever judges by a missing edge has to know that.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping

from guardrails.gates.kubernetes.objects import TemplateContainer
from guardrails.gates.topology.graph import Reach, Thing, Topology
from guardrails.gates.topology.templates import Maker

_HOLDS_ADDRESS = re.compile(
    r"(?:^|_)(?:HOST|HOSTNAME|ADDR|ADDRESS|URL|URI|DSN|ENDPOINTS?|SERVERS?|SERVICE|UPSTREAM|TARGET"
    r"|BROKERS?|PEERS?)(?:_NAME|_\d+)?$",
    re.IGNORECASE,
)
"""Names of variables that hold addresses."""


def hides(maker: Maker) -> str:
    """Return why a maker's calls cannot all be seen; empty when they can."""
    reasons = (_hides(maker, container) for container in maker.containers)
    return next((reason for reason in reasons if reason), "")


def _hides(maker: Maker, container: TemplateContainer) -> str:
    for whole in container.env_from or ():
        source = whole.config_map_ref or whole.secret_ref
        kind = "ConfigMap" if whole.config_map_ref is not None else "Secret"
        if source is not None:
            return f"{maker.thing} takes its environment from {kind} {source.name}"
    for variable in container.env or ():
        if variable.value_from is None or not _HOLDS_ADDRESS.search(variable.name):
            continue
        source = variable.value_from.config_map_key_ref or variable.value_from.secret_key_ref
        if source is not None:
            return f"{maker.thing} takes {variable.name} from {source.name}"
    return ""


def upstream(graph: Topology, things: Iterable[Thing]) -> frozenset[Thing]:
    """Return everything whose fault would trouble these, themselves included."""
    incoming = _incoming(graph)
    found = set(things)
    for thing in tuple(found):
        found |= {e.effect for e in graph.outgoing.get(thing, ()) if e.reach is Reach.FIRST}
    waiting = deque(found)
    while waiting:
        for cause in incoming.get(waiting.popleft(), ()):
            if cause not in found:
                found.add(cause)
                waiting.append(cause)
    return frozenset(found)


def _incoming(graph: Topology) -> Mapping[Thing, list[Thing]]:
    incoming: dict[Thing, list[Thing]] = {}
    for cause, edges in graph.outgoing.items():
        for edge in edges:
            if edge.reach is Reach.ONWARD:
                incoming.setdefault(edge.effect, []).append(cause)
    return incoming
