"""dnsPolicy and dnsConfig: who can still resolve cluster names."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import Workload
from guardrails.gates.kubernetes.resolving import CLUSTER_NAMES_RESOLVE as CHECK


def asking(net: Any, app: str = "web", **spec: Any) -> Any:
    """The shop, in which one workload resolves names another way."""
    now = net.shop()
    net.part(now, "Deployment", app)["spec"]["template"]["spec"].update(spec)
    return now


def servers(*addresses: str) -> Any:
    """A resolv.conf of one's own."""
    return {"dnsPolicy": "None", "dnsConfig": {"nameservers": list(addresses)}}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"dnsPolicy": "ClusterFirst"},
        {"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True},
        servers("10.96.0.10"),
        servers("203.0.114.9", "169.254.20.10"),
    ],
)
def test_policies_that_ask_the_cluster(net: Any, spec: Any) -> None:
    """A private address may be the cluster's server."""
    found = net.judged(CHECK, asking(net, **spec), before=net.shop())
    assert [e.state for e in found] == [EvidenceState.SATISFIED]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"dnsPolicy": "Default"}, "dnsPolicy Default: names are asked of the node's"),
        (servers("8.8.8.8"), "dnsPolicy None: names are asked of 8.8.8.8"),
        (servers("nonsense"), "dnsPolicy None"),
        ({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, "hostNetwork"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["reference", "no reference"])
def test_policies_that_do_not(net: Any, spec: Any, says: str, known: bool) -> None:  # noqa: FBT001
    """The web names the cart, and its pods are ready all the same."""
    before = net.shop() if known else None
    (said,) = net.wrong(CHECK, asking(net, **spec), before=before)
    assert says in said


def test_who_names_no_service_needs_none_until_it_lost_it(net: Any) -> None:
    """The mailer's names may be in a file."""
    now = asking(net, "mailer", dnsPolicy="Default")
    assert net.wrong(CHECK, now) == []
    assert len(net.wrong(CHECK, now, before=net.shop())) == 1


def test_what_was_so_in_the_reference_is_set_aside(net: Any) -> None:
    """Something else must have told it the addresses."""
    now = asking(net, dnsPolicy="Default")
    incident = net.world.incident(workloads=(Workload(name="web"),))
    assert net.wrong(CHECK, now, before=now, incident=incident) == []
    assert len(net.aside(CHECK, now, before=now)) == 1


def test_without_workloads_it_is_unknown(net: Any, world: Any) -> None:
    """A refused list is not an empty one."""
    look = world.look(net.shop(), failed={"Deployment": world.FORBIDDEN})
    assert EvidenceState.UNKNOWN in {e.state for e in world.judge(CHECK, look)}
