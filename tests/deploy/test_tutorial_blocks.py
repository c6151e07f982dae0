"""The blocks of the tutorial on Deployments fit the chart; e2e follows them on a cluster."""

import json
import re
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial" / "guard-a-deployment.md").read_text()
SCHEMA = json.loads((ROOT / "deploy" / "helm" / "guarded-agent" / "values.schema.json").read_text())
BLOCKS: list[tuple[str, str, str]] = re.findall(
    r"^```(\w+) *([^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)
FILES = {words.removeprefix("file="): text for _, words, text in BLOCKS if "file=" in words}
NOT_TRIED = ("docker ", "kubectl port-forward ")
"""What needs a container engine or a kubelet that forwards."""


def test_every_command_is_tried() -> None:
    """Only what no control plane without containers can do is left out of the end-to-end test."""
    untried = [text for language, words, text in BLOCKS if language == "sh" and words != "cluster"]
    assert [line for text in untried for line in text.splitlines() if line[:1].isalpha()]
    assert all(line.startswith(NOT_TRIED) for text in untried for line in text.splitlines())


def test_the_values_files_are_taken_by_the_schema() -> None:
    """Each mode has one, and a command installs each."""
    for name in ("values.yaml", "sidecar.yaml"):
        jsonschema.validate(yaml.safe_load(FILES[name]), SCHEMA, jsonschema.Draft7Validator)
        assert f"-f {name}" in PAGE


def test_the_plain_agent_knows_of_no_guard() -> None:
    """The page's point: its code and its manifest are as they were before."""
    compile(FILES["agent.py"], "agent.py", "exec")
    assert "guard" not in FILES["agent.py"] + FILES["agent.yaml"]
    kinds = [one["kind"] for one in yaml.safe_load_all(FILES["agent.yaml"])]
    assert kinds == ["ServiceAccount", "RoleBinding", "Deployment"]


def test_both_values_files_keep_the_model_and_the_image() -> None:
    """The sidecar's agent is the Deployment's: same image, account, port and probe."""
    *_, deployment = yaml.safe_load_all(FILES["agent.yaml"])
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    agent = yaml.safe_load(FILES["sidecar.yaml"])["agent"]
    assert agent["image"] == container["image"]
    assert agent["ports"] == container["ports"]
    assert agent["readinessProbe"] == container["readinessProbe"]
    assert agent["serviceAccount"]["name"] == spec["serviceAccountName"]
    assert agent["env"][0] in container["env"]
