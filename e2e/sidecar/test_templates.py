"""What the chart renders, without a cluster: pods, rights, network, and values that do not fit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from e2e.clusters.build import CHART_TOOLS, REPO_ROOT, build
from e2e.sidecar.charts import CASES, CHART, Manifest, Rendered, RenderError, helm, render, rules_of
from e2e.sidecar.schemas import LOCATION, write_schemas
from guardrails.sidecar.configfile import read_serve_settings

ANY_CASE = pytest.mark.parametrize("case", CASES)
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
ENOUGH = {"scope.namespaces": ["shop"]}
"""The least that the chart must be told."""


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the schema of every kind."""
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(folder)
    return folder


@ANY_CASE
def test_helm_lints_it(case: str) -> None:
    """`helm lint --strict` has nothing to say."""
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), "--values", str(CASES[case]))


@ANY_CASE
def test_every_manifest_is_valid(case: str, schemas: Path, tmp_path: Path) -> None:
    """By kubeconform, which knows every kind and every field, in the versions that are pinned."""
    file = tmp_path / "manifests.yaml"
    file.write_text(render(CASES[case]).text(), encoding="utf-8")
    done = subprocess.run(
        [
            str(build(CHART_TOOLS).path("kubeconform")),
            *("-schema-location", f"{schemas}/{LOCATION}", "-strict", "-summary", str(file)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Skipped: 0" in done.stdout


def test_a_field_that_is_none_would_be_found(schemas: Path, tmp_path: Path) -> None:
    """The validation above can fail."""
    broken = render(CASES["standalone"])
    broken.guard()["redinessProbe"] = {}
    file = tmp_path / "manifests.yaml"
    file.write_text(broken.text(), encoding="utf-8")
    command = [str(build(CHART_TOOLS).path("kubeconform")), "-strict", "-schema-location"]
    done = subprocess.run(
        [*command, f"{schemas}/{LOCATION}", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "redinessProbe" in done.stdout


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "scope: name the namespaces"),
        ({**ENOUGH, "replicas": 2}, "several replicas cannot share a sqlite store"),
        (
            {**ENOUGH, "mode": "sidecar", "agent.image": "a", "agent.replicas": 2},
            "several replicas cannot share a sqlite store",
        ),
        (
            {**ENOUGH, "autoscaling.enabled": True, "store.type": "memory"},
            "cannot share a memory store",
        ),
        ({**ENOUGH, "store.type": "redis"}, "store.url: say where redis is"),
        (
            {**ENOUGH, "replicas": 2, "store": {"type": "redis", "url": "redis://r"}},
            "several replicas need ReadWriteMany",
        ),
        ({**ENOUGH, "mode": "sidecar"}, "agent.image"),
        (
            {
                **ENOUGH,
                "mode": "sidecar",
                "agent.image": "a",
                "proxy.upstreams": {"chat": {"baseUrl": "https://m.example/v1"}},
            },
            "proxy.upstreams.chat.existingSecret",
        ),
        ({**ENOUGH, "auth.mode": "tokenreview"}, "auth.tokenreview.accounts"),
        ({**ENOUGH, "admission.enabled": True}, "admission.agents"),
        (
            {
                **ENOUGH,
                "admission": {"enabled": True, "agents": [{"namespace": "guard", "name": "a"}]},
            },
            "lives in the guard's own namespace",
        ),
        ({**ENOUGH, "replica": 2}, "additional properties 'replica' not allowed"),
        (
            {**ENOUGH, "rbac.extraLists": [{"apiGroups": [""], "resources": ["secrets"]}]},
            "extraLists",
        ),
        ({**ENOUGH, "scope.namespaces": ["Shop"]}, "does not match pattern"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(settings: dict[str, object], said: str) -> None:
    """Before anything is installed, and with the value that has to change."""
    with pytest.raises(RenderError) as refused:
        render(settings=settings)
    assert said in str(refused.value)


@ANY_CASE
def test_the_guard_only_lists(case: str) -> None:
    """No verb but `list`, one namespace by name, and the question whose token it was sent."""
    rendered = render(CASES[case])
    rights = rules_of([*rendered.all("Role"), *rendered.all("ClusterRole")])
    other = {right for right in rights if right[2] != "list"}
    assert other <= {
        ("", "namespaces", "get", "kube-system"),
        ("authentication.k8s.io", "tokenreviews", "create", ""),
    }
    assert not {right for right in rights if right[1] in {"secrets", "*"} or "/" in right[1]}


def test_named_namespaces_get_a_role_each_and_no_list_beyond() -> None:
    """With `scope.namespaces`, Pods are listed there and nowhere else."""
    rendered = render(CASES["standalone"])
    assert {role["metadata"]["namespace"] for role in rendered.all("Role")} == {"shop", "payments"}
    assert ("", "pods", "list", "") not in rules_of(rendered.all("ClusterRole"))
    assert ("", "nodes", "list", "") in rules_of(rendered.all("ClusterRole"))


def test_contents_of_config_maps_are_asked_for_by_name() -> None:
    """Off unless `rbac.configMaps` says so."""
    right = ("", "configmaps", "list", "")
    assert right not in rules_of(render(CASES["standalone"]).all("Role"))
    assert right in rules_of(render(CASES["replicas"]).all("ClusterRole"))


@ANY_CASE
def test_pods_are_restricted(case: str) -> None:
    """As the Pod Security Standard `restricted` asks, and with a root that cannot be written."""
    rendered = render(CASES[case])
    guard, pod = rendered.guard(), rendered.pod()
    assert guard["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    assert all(not volume.get("hostPath") for volume in pod["volumes"])


def mounted(container: Manifest, rendered: Rendered) -> list[Manifest]:
    """Return the volumes that a container mounts."""
    volumes = {volume["name"]: volume for volume in rendered.pod()["volumes"]}
    return [volumes[mount["name"]] for mount in container["volumeMounts"]]


def test_a_sidecar_and_its_agent_have_a_token_each() -> None:
    """Same place in the container, another identity; neither mounts the other's."""
    rendered = render(CASES["sidecar"])
    (agent,) = rendered.pod()["containers"]
    guard = rendered.guard()
    assert guard["restartPolicy"] == "Always"
    assert {m["mountPath"] for m in agent["volumeMounts"]} == {TOKEN_FOLDER}
    (own,) = mounted(agent, rendered)
    assert "model-keys" not in json.dumps(agent)
    assert "model-keys" in json.dumps(mounted(guard, rendered))
    assert any("serviceAccountToken" in source for source in own["projected"]["sources"])
    secrets = {v["secret"]["secretName"] for v in mounted(guard, rendered) if "secret" in v}
    assert secrets == {"rel-guarded-agent-identity", "rel-guarded-agent-tokens"}
    assert "rel-guarded-agent-identity" not in json.dumps(agent)
    assert "rel-guarded-agent-tokens" not in json.dumps(agent)
    assert own["name"] not in {volume["name"] for volume in mounted(guard, rendered)}
    identity = rendered.one("Secret", "-identity")
    annotation = identity["metadata"]["annotations"]["kubernetes.io/service-account.name"]
    assert annotation == "rel-guarded-agent"
    assert rendered.pod()["serviceAccountName"] == "rel-guarded-agent-agent"


def test_the_agent_speaks_to_its_model_through_the_guard() -> None:
    """By base URL and token alone, on the pod's loopback."""
    rendered = render(CASES["sidecar"])
    (agent,) = rendered.pod()["containers"]
    env = {variable["name"]: variable for variable in agent["env"]}
    assert env["OPENAI_BASE_URL"]["value"] == "http://127.0.0.1:8321/v1"
    assert env["ANTHROPIC_BASE_URL"]["value"] == "http://127.0.0.1:8321"
    assert env["GUARDED_AGENT_URL"]["value"] == "http://127.0.0.1:8321"
    named = env["OPENAI_API_KEY"]["valueFrom"]["secretKeyRef"]
    token = rendered.one("Secret", "-agent-token")
    assert named == {"name": token["metadata"]["name"], "key": "token"}


def test_the_agents_token_is_one_of_the_guards() -> None:
    """What the agent is given is what the guard expects, and no operator's."""
    rendered = render(CASES["sidecar"])
    tokens = rendered.one("Secret", "-tokens")["stringData"]
    assert (
        tokens["agent"] == f"agent:agent:{rendered.one('Secret', '-token')['stringData']['token']}"
    )
    assert {line.split(":")[1] for line in tokens.values()} == {"agent", "viewer", "operator"}
    assert len({line.split(":")[2] for line in tokens.values()}) == len(tokens)


def test_several_replicas_are_spread_and_drained_one_by_one() -> None:
    """Rolling updates, a disruption budget, and an autoscaler that owns the count."""
    rendered = render(CASES["replicas"])
    spec = rendered.one("Deployment")["spec"]
    assert "replicas" not in spec
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert rendered.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert rendered.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["kind"] == "Deployment"
    spread = rendered.pod()["topologySpreadConstraints"]
    assert {s["topologyKey"] for s in spread} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }


def test_one_replica_on_a_volume_is_replaced_not_rolled() -> None:
    """Two pods would write one file."""
    rendered = render(CASES["standalone"])
    assert rendered.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert not rendered.all("PodDisruptionBudget")
    assert rendered.one("PersistentVolumeClaim")["metadata"]["annotations"] == {
        "helm.sh/resource-policy": "keep"
    }


def test_the_network_is_closed_but_for_what_is_named() -> None:
    """In: agents and Prometheus. Out: names, API server, alert sources, store, models."""
    spec = render(CASES["replicas"]).one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    froms = [
        peer["namespaceSelector"]["matchLabels"] for r in spec["ingress"] for peer in r["from"]
    ]
    assert froms == [{"kubernetes.io/metadata.name": n} for n in ("agents", "monitoring")]
    out = [([p["port"] for p in rule["ports"]], rule.get("to")) for rule in spec["egress"]]
    assert out == [
        ([53, 53], None),
        ([443, 6443], [{"ipBlock": {"cidr": "10.96.0.1/32"}}]),
        ([443, 9093], None),
        ([5432], None),
        ([8443], [{"ipBlock": {"cidr": "203.0.113.0/24"}}]),
    ]


def test_a_sidecars_network_lets_the_agents_own_ports_in() -> None:
    """The pod is the agent's too; the guard's port is for the pod itself."""
    spec = render(CASES["sidecar"]).one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert [p["port"] for rule in spec["ingress"] for p in rule["ports"]] == [9000]


@pytest.mark.parametrize(
    ("case", "kind"), [("replicas", "ServiceMonitor"), ("sidecar", "PodMonitor")]
)
def test_metrics_are_scraped_from_the_port_by_name(case: str, kind: str) -> None:
    """The monitor selects what is there."""
    rendered = render(CASES[case])
    monitor = rendered.one(kind)["spec"]
    (endpoint,) = monitor.get("endpoints") or monitor["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in rendered.guard()["ports"]}
    labels = rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()


def test_the_rules_are_those_of_the_alerts_folder() -> None:
    """Nothing is lost between `deploy/alerts` and the PrometheusRule, not even a brace."""
    groups = render(CASES["replicas"]).one("PrometheusRule")["spec"]["groups"]
    shipped = [
        group
        for path in sorted((REPO_ROOT / "deploy" / "alerts").glob("guarded-agent*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    assert groups == shipped


def test_a_change_of_settings_makes_new_pods() -> None:
    """They are read at the start."""

    def checksum(**config: object) -> str:
        rendered = render(CASES["standalone"], {"config": config})
        template = rendered.one("Deployment")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/config"]

    assert checksum(limits={"sessions": 1}) != checksum(limits={"sessions": 2})
    assert checksum(limits={"sessions": 1}) == checksum(limits={"sessions": 1})


def test_a_policy_is_mounted_where_the_settings_say() -> None:
    """By the usual file, and by name."""
    rendered = render(CASES["replicas"])
    settings = yaml.safe_load(rendered.one("ConfigMap", "guarded-agent")["data"]["serve.yaml"])
    mounts = {m["mountPath"]: m["name"] for m in rendered.guard()["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in rendered.pod()["volumes"]}
    folder = settings["policies"]["directory"]
    (item,) = volumes[mounts[folder]]["configMap"]["items"]
    assert item["path"] == "strict.yaml"
    usual = Path(settings["policies"]["file"])
    (item,) = volumes[mounts[str(usual.parent)]]["configMap"]["items"]
    assert item["path"] == usual.name
    assert item["key"] in rendered.one("ConfigMap", "-policy")["data"]


@ANY_CASE
def test_the_service_takes_its_settings(case: str, tmp_path: Path) -> None:
    """`guarded-agent serve` itself reads them, with what the pod would mount in its place."""
    rendered = render(CASES[case])
    volumes = {volume["name"]: volume for volume in rendered.pod()["volumes"]}
    text = rendered.one("ConfigMap", "guarded-agent")["data"]["serve.yaml"]
    for mount in rendered.guard()["volumeMounts"]:
        folder = tmp_path / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True)
        for name in files_of(volumes[mount["name"]]):
            (folder / name).write_text("agent:agent:" + "t" * 43, encoding="utf-8")
    (file := tmp_path / "serve.yaml").write_text(
        text.replace("/etc/", f"{tmp_path}/etc/").replace("/var/", f"{tmp_path}/var/"),
        encoding="utf-8",
    )
    settings = read_serve_settings(file)
    assert settings.listen.port == rendered.guard()["ports"][0]["containerPort"]
    assert settings.listen.drain < rendered.pod()["terminationGracePeriodSeconds"]


def files_of(volume: Manifest) -> list[str]:
    """Return the names of the files that a volume puts where it is mounted."""
    if "projected" in volume:
        sources = [next(iter(source.values())) for source in volume["projected"]["sources"]]
        return [item["path"] for source in sources for item in source.get("items", [])]
    held: Manifest = volume.get("secret") or volume.get("configMap") or {}
    return [item["path"] for item in held.get("items", [])] or ["tls.crt", "tls.key", "agent"]
