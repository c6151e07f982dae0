"""What the chart renders about being reached and being stopped: affinity, TLS, grace, scope."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from e2e.sidecar.charts import CASES, CHART, Rendered, RenderError, render
from guardrails.policy.durations import parse_duration

PROXY = {"proxy.upstreams": {"chat": {"baseUrl": "https://m.example/v1", "existingSecret": "k"}}}
CA_FILE = "/etc/guarded-agent/ca/ca.crt"


def affinity(rendered: Rendered) -> str:
    """Return what the Service says of affinity, Kubernetes' default where it says nothing."""
    return str(rendered.one("Service")["spec"].get("sessionAffinity", "None"))


def test_requests_of_an_agent_stay_on_one_replica_of_the_proxy() -> None:
    """Two replicas that serve one run at once would answer 409 by turns."""
    several = render(CASES["replicas"])
    assert several.one("ConfigMap", "guarded-agent")["data"]["serve.yaml"].count("upstreams") == 1
    assert affinity(several) == "ClientIP"
    assert affinity(render(CASES["replicas"], {"service.sessionAffinity": "None"})) == "None"
    assert affinity(render(CASES["standalone"], PROXY)) == "None"
    assert affinity(render(CASES["standalone"], {"service.sessionAffinity": "ClientIP"})) == (
        "ClientIP"
    )


def test_the_agent_of_a_sidecar_trusts_the_guards_certificate() -> None:
    """By the authority alone: the key stays with the guard."""
    rendered = render(CASES["sidecar"], {"tls.existingSecret": "guard-tls"})
    (agent,) = rendered.pod()["containers"]
    env = {variable["name"]: variable.get("value") for variable in agent["env"]}
    assert env["GUARDED_AGENT_URL"] == "https://127.0.0.1:8321"
    assert env["GUARDED_AGENT_CA_FILE"] == env["NODE_EXTRA_CA_CERTS"] == CA_FILE
    (mount,) = [m for m in agent["volumeMounts"] if CA_FILE.startswith(f"{m['mountPath']}/")]
    (volume,) = [v for v in rendered.pod()["volumes"] if v["name"] == mount["name"]]
    assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    others = [m["name"] for m in agent["volumeMounts"] if m["name"] != mount["name"]]
    held = {v["name"]: v for v in rendered.pod()["volumes"]}
    assert "guard-tls" not in json.dumps([held[name] for name in others])


@pytest.mark.parametrize(
    ("listen", "grace", "fits"),
    [
        ({"drain": "39s", "linger": 0}, 45, True),
        ({"drain": "30s", "linger": "9500ms"}, 45, False),
        ({"drain": "1m30s"}, 96, True),
        ({"drain": "0.5h"}, 1806, True),
        ({"drain": "0.5h"}, 1805, False),
    ],
)
def test_the_grace_is_longer_than_the_end_takes(
    listen: dict[str, object], grace: int, *, fits: bool
) -> None:
    """Or the kubelet would kill requests that the guard still answers."""
    settings = {"config": {"listen": listen}, "terminationGracePeriodSeconds": grace}
    if fits:
        pod = render(CASES["standalone"], settings).pod()
        took = sum(0 if value == 0 else parse_duration(value) for value in listen.values())
        assert took + 5 < pod["terminationGracePeriodSeconds"]
        return
    with pytest.raises(RenderError, match="terminationGracePeriodSeconds: requests under way"):
        render(CASES["standalone"], settings)


def test_no_namespace_is_left_without_a_reference_by_mistake() -> None:
    """With rights everywhere and no name, `default` alone would be recorded."""
    everywhere: dict[str, object] = {"scope": {"clusterWide": True, "namespaces": ()}}
    with pytest.raises(RenderError, match="name the namespaces that reference records"):
        render(settings=everywhere)
    without = render(settings={**everywhere, "reference.enabled": False})
    assert "folder" not in without.one("ConfigMap")["data"]["serve.yaml"]


def test_the_readme_of_the_chart_installs_it() -> None:
    """Its `--set` values are taken by the templates, and the ways that it names are there."""
    text = (CHART / "README.md").read_text(encoding="utf-8")
    given = dict(re.findall(r"--set '?([\w.]+)=([^\s']+)", text))
    assert set(given) == {"scope.namespaces", "sources.prometheus"}
    read = {key: yaml.safe_load(re.sub(r"^{(.*)}$", r"[\1]", one)) for key, one in given.items()}
    settings = yaml.safe_load(render(settings=read).one("ConfigMap")["data"]["serve.yaml"])
    assert settings["scope"]["namespaces"] == read["scope.namespaces"]
    assert settings["sources"]["prometheus"] == read["sources.prometheus"]
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    modes = {"standalone", "sidecar"}
    assert set(re.findall(r"`mode: (\w+)`", text)) == modes
    assert values["mode"] in modes
