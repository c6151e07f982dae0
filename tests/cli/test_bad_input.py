"""Bad input: one clear line on standard error, the documented exit code, and no traceback."""

from pathlib import Path

import pytest
import yaml

from guardrails.testing.sim import Match, Respond

TASK = ["--task", "Mend the shop."]
USAGE, SOURCE = 2, 7


def _policy(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return ["--policy", str(path)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "which agent?"),
        (["run", "{agent}:fine"], "nothing says what to do; give --task TEXT"),
        (["run", "{agent}:fin", *TASK], "has no attribute 'fin'; did you mean 'fine'?"),
        (["run", "nowhere.py:graph", *TASK], "nowhere.py: no such file"),
        (["run", "graph", *TASK], "no langgraph.json"),
        (["run", "--demo", "no-such-story"], "no such scenario; there are: blind"),
        (["run", "--demo", "--task", "x"], "leave out --task"),
        (["run", "{agent}:fine", *TASK, "--incident", "none.yaml"], "none.yaml: no such file"),
        (
            ["run", "{agent}:fine", "--incident", "a", "--alert-payload", "b"],
            "give one of them",
        ),
        (["run", "{agent}:fine", "--alert-payload", "none.json"], "none.json: cannot read it"),
        (["run", "{agent}:fine", *TASK, "--policy", "none.yaml"], "none.yaml: no such file"),
        (["run", "{agent}:fine", *TASK, "--profile", "fronteer"], "did you mean 'frontier'?"),
        (["run", "{agent}:fine", *TASK, "--set", "gate.requre=full"], "did you mean"),
        (["run", "{agent}:fine", *TASK, "--set", "gate"], "write KEY=VALUE"),
        (["run", "{agent}:fine", *TASK, "--kubeconfig", "none"], "kubeconfig none: no such file"),
        (["run", "{agent}:fine", *TASK, "--kubeconfig", "."], "this is a folder"),
        (["run", "no_such_module:graph", *TASK], "no module named 'no_such_module'"),
        (["run", "{agent}:fine", *TASK, "--baseline", "none"], "no such baseline"),
        (["run", "{agent}:fine", *TASK, "--reference", "none"], "--reference none: no such file"),
        (["run", "{agent}:fine", *TASK, "--reference", "chart.yaml"], "chart.yaml:2: a key must"),
        (["verify", "-n", "shop", "--reference", "chart.yaml"], "`helm template`"),
        (["verify", "-n", "shop", "--reference", "none"], "--reference none: no such file"),
        (["run", "{agent}:fine", *TASK, "--trace", "no/such/dir/x"], "does not exist"),
        (["run", "{agent}:fine", *TASK, "--trace", "."], "this is a folder"),
        (["run", "{agent}:fine", *TASK, "-n", "Not_A_Name"], "namespace"),
        (["run", "{agent}:fine", "--goal", "world-peace"], "--goal"),
        (["run", "{agent}:fine", "--no-such-option"], "no such option: --no-such-option"),
        (["fly"], "no such command 'fly'"),
        (["verify"], "nothing says what to judge"),
        (["verify", "--replay", "none.json"], "none.json: cannot read it"),
        (["verify", "-n", "shop", "--wait", "soon"], "'soon' is not a duration"),
        (["verify", "-n", "shop", "--allow", "probes-kept:a/b=c"], "--allow needs --allowed-by"),
        (["verify", "-n", "shop", "--allowed-by", "me"], "give --allow, too"),
        (["verify", "-n", "shop", "--allow", "x", "--allowed-by", "me"], "write check:kind/name"),
        (
            ["verify", "-n", "shop", "--allow", "pods-ready:a/b=c", "--allowed-by", "me"],
            "pods-ready cannot be allowed away; these can: replicas-kept",
        ),
        (["verify", "-n", "shop", "--claim", "done"], "'--claim': 'done' is not one of"),
        (["verify", "-n", "shop", "--prometheus", "prometheus:9090"], "is not a URL"),
        (["verify", "-n", "shop", "--prometheus", "http://host:port"], "is not a URL"),
        (["verify", "-n", "shop", "--alertmanager", "http://"], "is not a URL"),
        (["verify", "--incident", "empty.txt"], "empty.txt: empty"),
        (["verify", "--replay", "empty.txt"], "--replay empty.txt: not a gate report"),
        (["trace", "replay", "empty.txt"], "empty.txt: no run in it"),
        (["baseline", "record", "-o", "x.json"], "at least one namespace"),
        (["baseline", "record", "-n", "shop", "-o", "."], "this is a folder"),
        (["policy", "check", "none.yaml"], "none.yaml: no such file"),
        (["trace", "replay", "none.jsonl"], "none.jsonl: cannot read the trace"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    cli, agent: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """Every mistake of the caller: exit 2."""
    monkeypatch.chdir(agent.parent)
    (agent.parent / "empty.txt").touch()
    (agent.parent / "chart.yaml").write_text("kind: Service\nmetadata: {{ .Values.meta }}\n")
    ran = cli(*(a.format(agent=agent) for a in arguments))
    assert said.lower() in ran.error.lower()
    assert (ran.code, ran.out) == (USAGE, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema_version: 1\nprofles: {}\n", "policy.yaml:2: profles: unknown key"),
        ("schema_version: 1\ndefaults: {gate: {requre: full}}\n", "did you mean 'require'?"),
        ("schema_version: 1\ndefaults: {budgets: {steps: many}}\n", "'many' is not a whole number"),
        ("schema_version: 1\nmode: [\n", "policy.yaml:"),
        ("", "policy.yaml"),
    ],
)
def test_a_broken_policy_is_told_with_its_line(
    cli, agent: Path, tmp_path: Path, text: str, said: str
) -> None:
    """Typo, wrong type, unknown key, broken YAML, empty file."""
    for command in (["run", f"{agent}:fine", *TASK], ["verify", "-n", "shop"]):
        ran = cli(*command, *_policy(tmp_path, text))
        assert ran.code == USAGE
        assert said in ran.err
        assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "payload.json"),
        ("[]", "payload.json"),
        ('{"version": "3", "alerts": []}', "version"),
        ('{"version": "4"}', "alerts: missing"),
        ('{"version": "4", "alerts": {}}', "alerts: a mapping is not a list"),
        ('{"version": "4", "alerts": []}', "no alert is firing"),
        ('{"version": "4", "alerts": [{"status": "firing", "labels": 1}]}', "alerts[0].labels"),
    ],
)
def test_a_malformed_webhook_payload_is_told_in_a_line(
    cli, agent: Path, tmp_path: Path, body: str, said: str
) -> None:
    """The place in the JSON is named."""
    path = tmp_path / "payload.json"
    path.write_text(body)
    ran = cli("run", f"{agent}:fine", "--alert-payload", path)
    assert ran.code == USAGE
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def", "SyntaxError: invalid syntax (code_"),
        ("import no_such_library", "No module named 'no_such_library' (code_"),
        ("raise ValueError('no such secret')", "ValueError: no such secret (code_"),
        ("graph = 1", "is an int, not a graph"),
        ("def graph(): raise KeyError('OPENAI_API_KEY')", "KeyError: 'OPENAI_API_KEY' (code_"),
        ("def graph(): pass", "is None, not a graph"),
        ("def graph(model): pass", "wants a model; give --model"),
        ("def graph(cluster): pass", "wants 'cluster', which a run does not have"),
    ],
)
def test_code_that_gives_no_graph_is_told_with_its_line(
    cli, shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    """The user's own file and line, and what a target may be."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"code_{tmp_path.name.replace('-', '_')}.py"
    path.write_text(text)
    ran = cli("run", f"{path.name}:graph", *TASK, "-n", "shop", *shop.options)
    assert said in ran.error
    assert (ran.code, ran.out) == (USAGE, "")


_USER = "users: [{name: u, user: {%s}}]\n"
_PLUGIN = "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-helper}"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", USAGE, "not a kubeconfig"),
        ("clusters: [", USAGE, "not a kubeconfig"),
        ("hello", USAGE, "not a kubeconfig"),
        ("contexts: []", USAGE, "no current context"),
        ("current-context: a", USAGE, "no context 'a'; it has: none"),
        (("not a url", "token: x"), USAGE, "server 'not a url' is not a URL"),
        (("https://127.0.0.1:1", _PLUGIN), SOURCE, "the credentials plugin of context 'a' failed"),
        (("https://127.0.0.1:1", "client-certificate: none.pem"), SOURCE, "none.pem"),
    ],
)
def test_a_malformed_kubeconfig_is_told(
    cli, tmp_path: Path, text: str | tuple[str, str], code: int, said: str
) -> None:
    """Broken YAML, another file, a context without a cluster, credentials that cannot be had."""
    path = tmp_path / "kubeconfig"
    if isinstance(text, tuple):
        server, user = text
        text = (
            "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
            f"clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
            f"contexts: [{{name: a, context: {{cluster: c, user: u}}}}]\n{_USER % user}"
        )
    path.write_text(text)
    ran = cli("verify", "-n", "shop", "--kubeconfig", path)
    assert said in ran.error
    assert str(path) in ran.error
    assert (ran.code, ran.out) == (code, "")


@pytest.mark.parametrize("option", ["--prometheus", "--alertmanager"])
def test_a_url_that_is_another_server_is_told(cli, shop, option: str) -> None:
    """Somebody's proxy, or the neighbour's port: the answer says so before anything runs."""
    ran = cli("verify", "-n", "shop", *shop.options, option, shop.cluster.kubernetes_url)
    assert "does not answer as it should" in ran.error or "refuses" in ran.error
    assert f"check {option}, its base URL" in ran.error
    assert (ran.code, ran.out) == (SOURCE, "")


def test_a_wrong_context_lists_the_known_ones(cli, shop, agent: Path) -> None:
    """A typo in --context costs one look."""
    for command in (["run", f"{agent}:fine", *TASK], ["verify"], ["doctor"]):
        ran = cli(*command, "-n", "shop", *shop.options, "--context", "prod")
        assert ran.code == USAGE
        assert "no context 'prod'; it has: sim" in ran.error


def test_an_unreachable_cluster_is_told_before_the_agent_starts(cli, shop, agent: Path) -> None:
    """Nothing answers at the address: exit 7, and the agent did nothing."""
    address = shop.cluster.kubernetes_url
    shop.cluster.stop("kubernetes")
    for command in (["run", f"{agent}:fine", *TASK], ["verify"]):
        ran = cli(*command, "-n", "shop", *shop.options)
        assert ran.code == SOURCE
        assert f"Kubernetes at {address} cannot be reached" in ran.error


@pytest.mark.parametrize("part", ["prometheus", "alertmanager"])
def test_an_unreachable_alert_source_is_told_too(cli, shop, agent: Path, part: str) -> None:
    """An address that was given is meant to be read."""
    shop.cluster.stop(part)
    ran = cli("run", f"{agent}:fine", *TASK, "-n", "shop", *shop.options)
    assert ran.code == SOURCE
    assert f"{part.capitalize()} at http://127.0.0.1:" in ran.error
    assert "cannot be reached: GET /api/v" in ran.error
    assert f"; check --{part}, its base URL" in ran.error


def test_an_expired_token_is_told(cli, shop, agent: Path) -> None:
    """401: the credentials are named, not the symptom of empty lists."""
    config = yaml.safe_load(shop.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "expired"
    shop.kubeconfig.write_text(yaml.safe_dump(config))
    for command in (["run", f"{agent}:fine", *TASK], ["verify"]):
        ran = cli(*command, "-n", "shop", *shop.options)
        assert ran.code == SOURCE
        assert "refuses the credentials" in ran.error
        assert "401" in ran.error


@pytest.mark.parametrize(
    ("namespace", "said"),
    [
        ("nowhere", "namespace 'nowhere' does not exist; name another with -n"),
        ("hollow", "namespace 'hollow' is empty"),
    ],
)
def test_an_empty_or_missing_namespace_is_told(
    cli, shop, agent: Path, namespace: str, said: str
) -> None:
    """Nothing in it could ever be judged."""
    shop.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hollow"}})
    for command in (["run", f"{agent}:fine", *TASK], ["verify"]):
        ran = cli(*command, "-n", namespace, *shop.options)
        assert ran.code == USAGE
        assert said in ran.error


def test_something_that_is_no_api_server_is_told(cli, shop, agent: Path) -> None:
    """A proxy's page or a cut answer is not taken for an empty cluster."""
    shop.cluster.faults.add(Match(server="kubernetes"), Respond(garbage=True))
    ran = cli("run", f"{agent}:fine", *TASK, "-n", "shop", *shop.options)
    assert ran.code == SOURCE
    assert "does not answer as it should" in ran.error


def test_a_graph_without_a_place_for_the_task_is_told(cli, shop, tmp_path: Path) -> None:
    """The keys that the graph has are named, and the option that helps."""
    path = tmp_path / f"odd_{tmp_path.name.replace('-', '_')}.py"
    path.write_text(
        "from typing import TypedDict\n"
        "from langgraph.graph import START, StateGraph\n"
        "class S(TypedDict):\n    symptoms: list\n    verdict: str\n"
        "graph = StateGraph(S)\n"
        "graph.add_node('a', lambda s: {'verdict': 'x'})\n"
        "graph.add_edge(START, 'a')\n"
    )
    ran = cli("run", f"{path}:graph", *TASK, "-n", "shop", *shop.options)
    assert ran.code == USAGE
    assert "its keys: symptoms, verdict" in ran.error
    assert "--input" in ran.error


def test_debug_shows_the_traceback(cli, agent: Path) -> None:
    """Whoever asks for it gets it; the line stays the last one."""
    ran = cli("run", f"{agent}:fin", *TASK, "--debug")
    assert "Traceback" in ran.err
    assert ran.err.splitlines()[-1].startswith("error: ")
