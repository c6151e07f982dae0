"""`serve` as a process: starts, answers, refuses, and ends in order."""

import json
import signal
import socket
import time
from pathlib import Path

import httpx2
import pytest
import yaml

from guardrails.sidecar.configfile import serve_schema
from tests.cli.serving import BOT, READS, SRE, served

INCIDENT = {"task": "checkout is down", "namespaces": ["shop"]}


@pytest.fixture
def folder(shop, tmp_path: Path) -> Path:
    """Return a folder with settings for the shop, and an identity that only reads."""
    shop.cluster.add_user("guard", rules=READS)
    shop.cluster.write_kubeconfig(tmp_path / "guard", user="guard")
    (tmp_path / "tokens").write_text(f"bot:agent:{BOT}\nsre:operator:{SRE}\n")
    (tmp_path / "tokens").chmod(0o600)
    settings = {
        "store": {"url": f"sqlite:{tmp_path / 'runs.db'}"},
        "auth": {"mode": "tokens", "tokens": "tokens"},
        "scope": {"namespaces": ["shop"]},
        "sources": {
            "kubeconfig": "guard",
            "prometheus": shop.cluster.prometheus_url,
            "alertmanager": shop.cluster.alertmanager_url,
        },
        "reference": {"folder": "reference"},
        "telemetry": {"check_every": "100ms"},
    }
    (tmp_path / "serve.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


@pytest.mark.timeout(120)
def test_a_run_through_the_service_and_over_a_restart(folder: Path) -> None:
    """Opened, stated, refused at its end; and there is all of it after SIGTERM."""
    with served(folder, "--config", "serve.yaml") as serving:
        with serving.client() as client:
            assert client.get("/readyz").json()["ready"] is True
            opened = client.post("/v1/sessions", json={"incident": INCIDENT, "run": "r1"})
            assert opened.status_code == 201
            fact = {"type": "model_replied", "text": "I look."}
            stated = client.post(
                "/v1/sessions/r1/events", json={"events": [{"number": 1, "fact": fact}]}
            )
            assert stated.status_code == 200
            claim = {"kind": "mitigated", "text": "It is fixed."}
            ended = client.post(
                "/v1/sessions/r1/end",
                json={"number": 2, "exit": "final_answer", "claim": claim, "wait": 20},
            )
            assert ended.json()["decision"]["verdict"] == "deny"
        assert serving.stop() == 143
        assert serving.events()[-1] == "guarded_agent.service.ended"
    assert list((folder / "reference" / "shop").glob("*.healthy.json.gz"))
    with served(folder, "--config", "serve.yaml") as serving, serving.client() as client:
        assert client.get("/v1/sessions/r1").json()["number"] == 2
        again = client.post(
            "/v1/sessions/r1/end",
            json={"number": 2, "exit": "final_answer", "claim": claim, "wait": 20},
        )
        assert again.json()["decision"] == ended.json()["decision"]


@pytest.mark.timeout(120)
def test_tokens_roles_and_metrics(folder: Path) -> None:
    """Over a socket, as in a cluster; a token is replaced while the service runs."""
    with served(folder, "--config", "serve.yaml") as serving:
        with serving.client() as client:
            client.post("/v1/sessions", json={"incident": INCIDENT, "run": "r1"})
            answer = {"question": "q", "text": "yes", "by": "me"}
            assert client.post("/v1/sessions/r1/answers", json=answer).status_code == 403
        with serving.client("nobody-0123456789abc") as stranger:
            assert stranger.get("/v1/sessions").status_code == 401
        fresh = folder / "tokens.new"
        fresh.write_text(f"bot:agent:{BOT}-2\nsre:operator:{SRE}\n")
        fresh.rename(folder / "tokens")
        time.sleep(1.1)  # files are looked at once a second
        with serving.client() as client:
            assert client.get("/v1/sessions/r1").status_code == 401
        with serving.client(f"{BOT}-2") as client:
            assert client.get("/v1/sessions/r1").status_code == 200
        metrics = httpx2.get(f"{serving.url}/metrics").text
        assert "guarded_agent_reference_looks_total" in metrics
        assert "guarded_agent_identity_may_write 0.0" in metrics


@pytest.mark.timeout(60)
def test_a_client_that_drips_its_head_is_hung_up_on(folder: Path) -> None:
    """And one that is quick is served meanwhile."""
    settings = yaml.safe_load((folder / "serve.yaml").read_text())
    settings["listen"] = {"head_timeout": "500ms"}
    (folder / "serve.yaml").write_text(yaml.safe_dump(settings))
    with served(folder, "--config", "serve.yaml") as serving:
        host, port = serving.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as slow:
            slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
            assert httpx2.get(f"{serving.url}/healthz").status_code == 200
            assert slow.recv(1024) == b""
        with socket.create_connection((host, int(port)), timeout=10) as second:
            request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            second.sendall(request)
            assert b"200 OK" in second.recv(4096)
            second.sendall(request[:20])  # the next head of the same connection
            rest = second.recv(4096)
            while rest:
                rest = second.recv(4096)


@pytest.mark.timeout(60)
def test_a_head_without_end_is_refused(folder: Path) -> None:
    """A client that is quick, and never done, would fill the memory."""
    with served(folder, "--config", "serve.yaml") as serving:
        host, port = serving.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as endless:
            endless.sendall(b"GET /healthz HTTP/1.1\r\n" + b"x-a: " + b"b" * 63 * 1024)
            assert httpx2.get(f"{serving.url}/healthz").status_code == 200
            endless.sendall(b"b" * 2048)
            assert endless.recv(4096).startswith(b"HTTP/1.1 400 ")
        with socket.create_connection((host, int(port)), timeout=10) as large:
            large.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-a: " + b"b" * 32 * 1024)
            large.sendall(b"\r\n\r\n")
            assert large.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.timeout(60)
def test_readyz_says_no_while_the_service_lingers(folder: Path) -> None:
    """A load balancer has time to notice; requests are still answered."""
    settings = yaml.safe_load((folder / "serve.yaml").read_text())
    settings["listen"] = {"linger": "2s"}
    (folder / "serve.yaml").write_text(yaml.safe_dump(settings))
    with served(folder, "--config", "serve.yaml") as serving, serving.client() as client:
        assert client.get("/readyz").status_code == 200
        serving.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # the signal reaches the loop
        assert client.get("/readyz").status_code == 503
        assert client.get("/v1/sessions").status_code == 200
        assert serving.process.wait(timeout=20) == 143


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("pause", "at_once"), [(0.1, False), (1.3, True)], ids=["twin", "second"])
def test_a_signal_told_twice_is_one_and_a_later_one_ends_it_at_once(
    folder: Path, *, pause: float, at_once: bool
) -> None:
    """timeout(1) sends its signal to the process and to the group: requests are answered still."""
    settings = yaml.safe_load((folder / "serve.yaml").read_text())
    settings["listen"] = {"linger": "8s"}
    (folder / "serve.yaml").write_text(yaml.safe_dump(settings))
    with served(folder, "--config", "serve.yaml") as serving, serving.client() as client:
        client.post("/v1/sessions", json={"incident": INCIDENT, "run": "r1"})
        began = time.monotonic()
        serving.process.send_signal(signal.SIGTERM)
        time.sleep(pause)
        serving.process.send_signal(signal.SIGTERM)
        if not at_once:
            time.sleep(0.5)
            assert client.get("/v1/sessions").status_code == 200
        assert serving.process.wait(timeout=20) == 143
        assert (time.monotonic() - began < 6) == at_once
        assert serving.events()[-1] == "guarded_agent.service.ended"  # and no traceback


@pytest.mark.timeout(60)
def test_streams_end_at_the_signal_and_do_not_hold_it_up(folder: Path) -> None:
    """Nobody has to be cut off after `listen.drain`, which is 20 s."""
    with served(folder, "--config", "serve.yaml") as serving, serving.client() as client:
        client.post("/v1/sessions", json={"incident": INCIDENT, "run": "r1"})
        with client.stream("GET", "/v1/sessions/r1/events") as events:
            parts = events.iter_bytes()
            next(parts)
            began = time.monotonic()
            serving.process.send_signal(signal.SIGTERM)
            assert b"event: end" not in b"".join(parts)
        assert serving.process.wait(timeout=20) == 143
        assert time.monotonic() - began < 8


def test_an_identity_that_may_write_is_refused(cli, shop, tmp_path: Path) -> None:
    """Before anything listens, with the rights by name."""
    options = ["--store", "memory:", "--port", "0", "-n", "shop"]
    ran = cli("serve", *options, "--kubeconfig", shop.kubeconfig)
    assert ran.code == 2
    said = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "may change the cluster" in said[0]
    assert "scope.allow_write_identity" in said[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "192.0.2.1"], "listen.host: 192.0.2.1 is reached by others"),
        (["--store", "mysql://x"], "mysql"),
        (["--config", "none.yaml"], "none.yaml: no such file"),
        (["--tokens", "none"], "auth.tokens: none: no such file or folder"),
    ],
)
def test_a_mistake_is_one_line(cli, shop, options: list[str], said: str) -> None:
    """And nothing was started."""
    ran = cli("serve", "--port", "0", "--kubeconfig", shop.kubeconfig, *options)
    assert ran.code == 2
    assert said in ran.error


def test_a_port_that_is_taken_is_told(cli, shop) -> None:
    """With what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = cli("serve", "--port", port, "--store", "memory:", "--kubeconfig", shop.kubeconfig)
    assert ran.code == 2
    assert "choose another address with --host and --port" in ran.error


def test_the_schema_is_printed(cli) -> None:
    """As the one in docs/reference."""
    ran = cli("serve", "--print-config-schema")
    assert ran.code == 0
    assert json.loads(ran.out) == json.loads(json.dumps(serve_schema()))


def test_doctor_looks_at_all_that_the_service_needs(cli, folder: Path) -> None:
    """Exit 0 when all is well."""
    ran = cli("doctor", "--serve", folder / "serve.yaml")
    assert ran.code == 0, ran.out
    for what in ("settings", "policies", "tokens", "store", "reference folder", "identity changes"):
        assert any(line.startswith("ok") and what in line for line in ran.out.splitlines()), what


def test_doctor_names_each_right_that_is_missing_or_too_much(cli, shop, folder: Path) -> None:
    """One to grant, one to take away."""
    rules = [rule for rule in READS if rule["resources"] != ["pods"]]
    rules.append({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]})
    shop.cluster.add_user("guard", rules=rules)
    shop.cluster.write_kubeconfig(folder / "guard", user="guard")
    ran = cli("doctor", "--serve", folder / "serve.yaml")
    assert ran.code == 7
    missing = [line for line in ran.out.splitlines() if line.startswith("MISSING")]
    assert any("list pods in shop" in line for line in missing)
    assert any("it may patch deployments.apps in shop" in line for line in missing)
    assert len(missing) == 2
