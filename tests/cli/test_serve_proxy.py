"""`serve` before a model: an unmodified client, tokens at the door, a false claim refused."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import openai
import pytest
import yaml

from tests.cli.serving import BOT, READS, served

KEY = "sk-of-the-guard"
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "get_pods", "arguments": '{"namespace": "shop"}'},
}
TOOL = {
    "type": "function",
    "function": {"name": "get_pods", "parameters": {"type": "object", "properties": {}}},
}


class Model(ThreadingHTTPServer):
    """A model that first claims to be done, and then looks; it notes what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.keys: list[str] = []
        self.asked = 0


class _Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        model = self.server
        assert isinstance(model, Model)
        self.rfile.read(int(self.headers["content-length"]))
        model.keys.append(self.headers.get("authorization", ""))
        model.asked += 1
        said = {"role": "assistant", "content": "It is fixed: everything is healthy again."}
        called = {"role": "assistant", "content": "I look at the pods.", "tool_calls": [CALL]}
        message = said if model.asked == 1 else called
        body = json.dumps(
            {
                "id": f"chatcmpl-{model.asked}",
                "object": "chat.completion",
                "created": 1,
                "model": "scripted",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's word
        """Say nothing."""


@pytest.fixture
def model() -> Iterator[Model]:
    """Run a model on loopback."""
    with Model() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.timeout(120)
def test_a_false_claim_is_refused_within_the_request(shop, model: Model, tmp_path: Path) -> None:
    """The client sees the next tool call only, and the model's key is the guard's own."""
    shop.cluster.add_user("guard", rules=READS)
    shop.cluster.write_kubeconfig(tmp_path / "guard", user="guard")
    (tmp_path / "tokens").write_text(f"bot:agent:{BOT}\n")
    (tmp_path / "key").write_text(KEY)
    upstream = {
        "base_url": f"http://127.0.0.1:{model.server_address[1]}/v1",
        "api_key_file": "key",
    }
    settings = {
        "store": {"url": "memory:"},
        "auth": {"mode": "tokens", "tokens": "tokens"},
        "scope": {"namespaces": ["shop"]},
        "sources": {"kubeconfig": "guard", "prometheus": shop.cluster.prometheus_url},
        "proxy": {"upstreams": {"chat": upstream}, "incident": {"namespaces": ["shop"]}},
    }
    (tmp_path / "serve.yaml").write_text(yaml.safe_dump(settings))
    with served(tmp_path, "--config", "serve.yaml") as serving:
        with openai.OpenAI(base_url=f"{serving.url}/v1", api_key=BOT, max_retries=0) as client:
            turn = client.chat.completions.create(
                model="scripted",
                messages=[{"role": "user", "content": "checkout is down: mend it"}],
                tools=[TOOL],  # pyright: ignore[reportArgumentType]
            )
        assert turn.choices[0].message.tool_calls is not None
        assert turn.choices[0].message.tool_calls[0].id == "c1"
        assert model.asked == 2
        assert set(model.keys) == {f"Bearer {KEY}"}
        wrong = openai.OpenAI(base_url=f"{serving.url}/v1", api_key="wrong", max_retries=0)
        with wrong, pytest.raises(openai.AuthenticationError, match="the token is not known"):
            wrong.models.list()
        with serving.client() as client:
            assert len(client.get("/v1/sessions").json()["sessions"]) == 1
            page = client.get("/metrics").text
        assert 'guarded_agent_proxy_outcomes_total{outcome="hidden"} 1.0' in page
