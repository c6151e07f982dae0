"""Network policies: what cuts off, what only restricts, and what mends."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.traffic import TRAFFIC_ALLOWED as CHECK

SATISFIED, UNKNOWN = EvidenceState.SATISFIED, EvidenceState.UNKNOWN
KNOWN = pytest.mark.parametrize("known", [True, False], ids=["reference", "no reference"])


def walled(net: Any, *policies: Any) -> Any:
    """The shop with policies."""
    return net.with_(net.shop(), "NetworkPolicy", *policies)


def test_without_policies_everything_is_open(net: Any) -> None:
    """And the report says that none was found."""
    (found,) = net.judged(CHECK, net.shop())
    assert found.state is SATISFIED
    assert "0 policies" in found.observed


@KNOWN
def test_a_policy_that_cuts_off_a_client_is_named(net: Any, known: bool) -> None:  # noqa: FBT001
    """The web names the cart and reaches it no more; every pod is ready."""
    before = net.shop() if known else None
    said = net.wrong(CHECK, walled(net, net.policy()), before=before)
    assert "wall: lets nothing through from Deployment web" in said[0]


@KNOWN
def test_a_policy_that_only_restricts_is_fine(net: Any, known: bool) -> None:  # noqa: FBT001
    """The mailer names nobody, so nothing is taken from it."""
    before = net.shop() if known else None
    found = net.judged(CHECK, walled(net, net.allowing("web")), before=before)
    assert [e.state for e in found] == [SATISFIED]


def test_a_policy_added_beside_a_broken_one_mends_it(net: Any) -> None:
    """Policies add up."""
    now = walled(net, net.policy(), net.allowing("web"))
    assert net.wrong(CHECK, now, before=net.shop()) == []


def test_what_the_reference_denied_already_is_set_aside(net: Any) -> None:
    """It was so when all was well."""
    now = walled(net, net.allowing("mailer"))
    assert net.wrong(CHECK, now, before=now) == []
    assert len(net.aside(CHECK, now, before=now)) == 1


def test_an_allowance_that_is_deleted_leaves_the_wall(net: Any) -> None:
    """The policy that stays is named, since the other is gone."""
    before = walled(net, net.policy(), net.allowing("web"))
    said = net.wrong(CHECK, walled(net, net.policy()), before=before)
    assert said[0].startswith("wall: lets nothing through")


def test_a_client_that_a_policy_named_is_one_although_nothing_else_says_so(net: Any) -> None:
    """The reference let the mailer in by name."""
    before = walled(net, net.allowing("web", "mailer"))
    (said,) = net.wrong(CHECK, walled(net, net.allowing("web")), before=before)
    assert "keeps Deployment mailer from Deployment cart" in said


@KNOWN
def test_denying_everybody_is_a_fault_without_known_clients(net: Any, known: bool) -> None:  # noqa: FBT001
    """A Service that nobody may reach serves nobody."""
    before = net.shop() if known else None
    (said,) = net.wrong(CHECK, walled(net, net.policy(app="mailer")), before=before)
    assert "keeps everybody from Deployment mailer" in said


def test_letting_in_only_pods_that_do_not_exist_is_denying_everybody(net: Any) -> None:
    """In the reference somebody could come in."""
    now = walled(net, net.allowing("nobody", to="mailer"))
    (said,) = net.wrong(CHECK, now, before=net.shop())
    assert "keeps everybody from Deployment mailer" in said


@KNOWN
def test_the_outside_must_reach_a_load_balancer(net: Any, known: bool) -> None:  # noqa: FBT001
    """A policy for clients inside shuts the users out."""
    before = net.shop()
    net.part(before, "Service", "web")["spec"]["type"] = "LoadBalancer"
    now = net.with_(before, "NetworkPolicy", net.allowing("mailer", to="web"))
    (said,) = net.wrong(CHECK, now, before=before if known else None)
    assert "keeps everybody outside from Deployment web" in said


def test_the_outside_must_reach_what_an_ingress_leads_to(net: Any) -> None:
    """As it did in the reference."""
    before = net.with_(net.shop(), "Ingress", net.ingress(rules=[net.rule("web")]))
    now = net.with_(before, "NetworkPolicy", net.allowing("mailer", to="web"))
    (said,) = net.wrong(CHECK, now, before=before)
    assert "keeps everybody outside from Deployment web" in said
    assert net.wrong(CHECK, now) == []


def test_names_that_cannot_be_resolved_any_more(net: Any) -> None:
    """Egress to the cart alone leaves out the DNS server."""
    to_cart = [{"to": [{"podSelector": {"matchLabels": {"app": "cart"}}}]}]
    out = {"app": "web", "policyTypes": ["Egress"]}
    now = walled(net, net.policy(egress=to_cart, **out))
    (said,) = net.wrong(CHECK, now, before=net.shop())
    assert "Deployment web from any DNS server" in said
    dns = net.policy("dns", egress=[{"ports": [{"port": 53, "protocol": "UDP"}]}], **out)
    assert net.wrong(CHECK, net.with_(now, "NetworkPolicy", dns), before=net.shop()) == []
    assert net.wrong(CHECK, now, before=now) == []


def test_a_workload_that_names_nobody_may_be_shut_in(net: Any) -> None:
    """A database needs no way out."""
    assert net.wrong(CHECK, walled(net, net.policy(app="mailer", policyTypes=["Egress"]))) == []


def test_what_hangs_on_labels_that_may_not_be_read_is_unknown(net: Any, world: Any) -> None:
    """Granting the list of namespaces decides it."""
    peers = [{"namespaceSelector": {"matchLabels": {"team": "shop"}}}]
    now = walled(net, net.policy(ingress=[{"from": peers}]))
    look = world.look(now, failed={"Namespace": world.FORBIDDEN})
    assert UNKNOWN in {e.state for e in world.judge(CHECK, look) if e.counts}


def test_addresses_are_said_to_be_undecided(net: Any) -> None:
    """Whether a block of addresses holds a pod is not known; alerts must tell."""
    block = [{"ipBlock": {"cidr": "10.1.0.0/16"}}]
    now = walled(net, net.policy(ingress=[{"from": block}]))
    now["Namespace"] = [{"metadata": {"name": "shop"}}]
    found = net.judged(CHECK, now)
    assert [e.counts for e in found if e.state is UNKNOWN] == [False]
    assert net.wrong(CHECK, now) == []


@pytest.mark.parametrize("kind", ["NetworkPolicy", "Pod", "Service"])
def test_without_its_lists_nothing_is_said_to_be_open(net: Any, world: Any, kind: str) -> None:
    """A refused list is not an empty one."""
    look = world.look(net.shop(), failed={kind: world.FORBIDDEN})
    assert [e.state for e in world.judge(CHECK, look)] == [UNKNOWN]
