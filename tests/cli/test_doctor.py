"""`doctor`: what can be read, and which right is missing."""

import json
from pathlib import Path

import yaml

from guardrails.gates.reference import HISTORY_LISTS
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of

SOME_RIGHTS = [{"apiGroups": ["apps"], "resources": ["*"], "verbs": ["list"]}]


def test_everything_can_be_read(cli, shop) -> None:
    """Exit 0, with one line for every list; what is not installed is only noted."""
    ran = cli("doctor", "-n", "shop", *shop.options)
    assert ran.code == 0, ran.out
    lines = ran.out.splitlines()
    noted = [line for line in lines if not line.startswith("ok ")]
    assert all("not installed in this cluster" in line for line in noted)
    read = lists_of(DEFAULT_CHECKS, more=HISTORY_LISTS)
    assert len([line for line in lines if " list " in line]) == len(read)
    assert any("Prometheus rules" in line and "6 alerting rules" in line for line in lines)


def test_each_missing_right_is_named_with_the_rule_that_grants_it(
    cli, shop, tmp_path: Path
) -> None:
    """Exit 7; the rules printed are those that make it well."""
    shop.cluster.add_user("viewer", rules=SOME_RIGHTS)
    config = shop.cluster.write_kubeconfig(tmp_path / "viewer", user="viewer")
    ran = cli("doctor", "-n", "shop", *shop.options, "--kubeconfig", config)
    assert ran.code == 7
    missing = [line.split()[2] for line in ran.out.splitlines() if line.startswith("MISSING")]
    assert "pods" in missing
    assert "endpointslices.discovery.k8s.io" in missing
    assert "deployments.apps" not in missing
    rules = yaml.safe_load(ran.out.partition("needs:\n")[2])["rules"]
    shop.cluster.add_user("better", rules=[*SOME_RIGHTS, *rules])
    config = shop.cluster.write_kubeconfig(tmp_path / "better", user="better")
    assert cli("doctor", "-n", "shop", *shop.options, "--kubeconfig", config).code == 0


def test_a_server_that_is_down_is_said_once(cli, shop) -> None:
    """Its lists are not tried one by one."""
    shop.cluster.stop("kubernetes")
    ran = cli("doctor", "-n", "shop", *shop.options, "--timeout", "1")
    assert ran.code == 7
    missing = [line for line in ran.out.splitlines() if line.startswith("MISSING")]
    assert len(missing) == 1
    assert shop.cluster.kubernetes_url in missing[0]


def test_an_expired_token_is_not_taken_for_missing_rights(cli, shop) -> None:
    """`/version` is open to anybody, so it alone proves nothing."""
    config = yaml.safe_load(shop.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "expired"
    shop.kubeconfig.write_text(yaml.safe_dump(config))
    ran = cli("doctor", "-n", "shop", *shop.options)
    assert ran.code == 7
    assert "401" in ran.out
    assert "RBAC" not in ran.out


def test_alert_sources_that_are_not_given_are_a_note(cli, shop) -> None:
    """What that means for a run is said."""
    ran = cli("doctor", "-n", "shop", "--kubeconfig", shop.kubeconfig)
    assert ran.code == 0
    assert "without it no run ends resolved" in ran.out


def test_alert_sources_that_do_not_answer_are_missing(cli, shop) -> None:
    """Each of their reads is named."""
    shop.cluster.stop("prometheus")
    shop.cluster.stop("alertmanager")
    ran = cli("doctor", "-n", "shop", *shop.options, "-o", "json")
    assert ran.code == 7
    found = json.loads(ran.out)
    assert not found["well"]
    unwell = {check["what"] for check in found["checks"] if not check["well"]}
    assert unwell == {
        "Prometheus alerts",
        "Prometheus rules",
        "Alertmanager alerts",
        "Alertmanager silences",
    }


def test_a_namespace_with_a_typo_is_not_well(cli, shop) -> None:
    """Its lists are all readable, and all empty."""
    ran = cli("doctor", "-n", "shopp", *shop.options)
    assert "MISSING  namespace shopp" in ran.out
    assert ran.code == 7
