"""Objects in JSON, YAML and descriptions: bookkeeping goes, what a diagnosis rests on stays."""

import json
from typing import Any

from guardrails.hygiene.compression.compress import compressed

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "cart-7c5ddbdf54-abcde",
        "namespace": "shop",
        "uid": "0d5a6c1e-7d7c-4c57-9f5b-0e4a3f0f2a11",
        "resourceVersion": "48151",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"a": 1}' * 40},
        "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {"f:phase": {}}}}] * 5,
    },
    "spec": {
        "containers": [
            {
                "name": "cart",
                "image": "shop/cart:1.4",
                "ports": [{"containerPort": 7070}],
                "env": [{"name": "RATES_ADDR", "value": "rates:7071"}],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 7070}},
                "resources": {"limits": {"memory": "64Mi"}},
            }
        ]
    },
    "status": {
        "phase": "Running",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
        ],
        "containerStatuses": [
            {
                "name": "cart",
                "ready": False,
                "restartCount": 7,
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            }
        ],
    },
}
VITAL = (
    "cart-7c5ddbdf54-abcde", "shop/cart:1.4", "7070", "RATES_ADDR", "rates:7071", "/ready",
    "64Mi", "ContainersNotReady", "OOMKilled", "137",
)  # fmt: skip
USELESS = ("managedFields", "last-applied-configuration", "uid", "resourceVersion")


def as_yaml(value: Any, indent: int = 0) -> str:
    """Write a value as kubectl does, with dashes in their list's column."""
    pad = " " * indent
    if isinstance(value, dict):
        written = ""
        for key, inner in value.items():
            nested = isinstance(inner, dict | list) and inner
            deeper = indent + (2 if isinstance(inner, dict) else 0)
            written += f"{pad}{key}:" + (
                "\n" + as_yaml(inner, deeper) if nested else f" {json.dumps(inner)}\n"
            )
        return written
    return "".join(pad + "- " + as_yaml(each, indent + 2).lstrip() for each in value)


def test_json_of_an_object_loses_its_bookkeeping_only() -> None:
    """And says in itself that it lacks something."""
    shorter = compressed(json.dumps(POD, indent=4), limit=1_000)
    read = json.loads(shorter.text)
    assert all(word in shorter.text for word in VITAL)
    assert not any(word in shorter.text for word in USELESS)
    assert read["left_out"] == f"[left out: {shorter.left_out}]"


def test_yaml_of_an_object_loses_its_bookkeeping_only() -> None:
    """It is not parsed, but its blocks are known by their indentation."""
    text = as_yaml(POD)
    shorter = compressed(text, limit=1_000)
    assert all(word in shorter.text for word in VITAL)
    assert not any(word in shorter.text for word in USELESS)
    assert "PodScheduled" not in shorter.text
    assert set(shorter.text.splitlines()[:-1]) <= set(text.splitlines())


def test_short_json_is_written_densely_first() -> None:
    """Indentation is a third of an object."""
    rows = {"items": [{"name": f"shop-{n}", "port": 8000 + n} for n in range(10)]}
    shorter = compressed(json.dumps(rows, indent=4), limit=450)
    assert json.loads(shorter.text) == rows
    assert shorter.left_out == ""


def test_alike_objects_become_rows() -> None:
    """What is the same in all is said once."""
    rows = [
        {"name": f"shop-{n:02}", "namespace": "shop", "kind": "Service", "type": "ClusterIP"}
        for n in range(30)
    ]
    read = json.loads(compressed(json.dumps({"services": rows}, indent=2), limit=700).text)
    assert read["services"]["each"]["namespace"] == "shop"
    assert read["services"]["rows"] == [f"shop-{n:02}" for n in range(30)]


def test_of_a_long_list_the_objects_that_are_not_well_are_told() -> None:
    """The others give their names."""
    pods = [
        json.loads(json.dumps(POD).replace("cart-7c5ddbdf54-abcde", f"cart-{n}")) for n in range(12)
    ]
    for pod in pods[:-1]:
        pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    text = compressed(json.dumps({"kind": "PodList", "items": pods}), limit=1_000).text
    json.loads(text)
    assert all(f"cart-{n}" in text for n in range(12))
    assert "OOMKilled" in text


def test_a_matrix_keeps_labels_ends_and_peaks() -> None:
    """A series is read by where it began, ended and peaked."""
    values = [[1_772_359_200 + 60 * n, str(100 + n % 7)] for n in range(120)]
    values[77][1] = "9000"
    answer = {
        "status": "success",
        "data": {
            "resultType": "matrix",
            "result": [{"metric": {"pod": "cart-0", "code": "500"}, "values": values}],
        },
    }
    told = json.loads(compressed(json.dumps(answer), limit=600).text)["data"]["result"][0]
    assert told["metric"] == {"pod": "cart-0", "code": "500"}
    assert told["values"]["count"] == 120
    assert told["values"]["first"] == values[0]
    assert told["values"]["last"] == values[-1]
    assert told["values"]["max"] == values[77]


def test_a_text_within_json_is_compressed_as_what_it_is() -> None:
    """Tool servers wrap what a command printed."""
    log = "\n".join(
        [
            *(f"10:00:{n % 60:02} INFO served order {n}" for n in range(200)),
            "10:04:00 ERROR no stock",
        ]
    )
    read = json.loads(compressed(json.dumps({"output": log, "exit_code": 1}), limit=600).text)
    assert read["exit_code"] == 1
    assert "10:04:00 ERROR no stock" in read["output"]


def test_a_description_keeps_events_of_failures() -> None:
    """And loses what the kubelet does every day."""
    text = "\n".join(
        [
            "Name:             cart-7c5ddbdf54-abcde",
            "Namespace:        shop",
            "Priority:         0",
            "Status:           Pending",
            "Containers:",
            "  cart:",
            "    Container ID:   containerd://" + "ab12" * 16,
            "    Image:          shop/cart:1.4",
            "    Image ID:       shop/cart@sha256:" + "cd34" * 16,
            "    Port:           7070/TCP",
            "    State:          Waiting",
            "      Reason:       ImagePullBackOff",
            "Conditions:",
            "  Type              Status",
            "  Initialized       True ",
            "  Ready             False ",
            "Tolerations:      node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
            "                  node.kubernetes.io/unreachable:NoExecute op=Exists for 300s",
            "Events:",
            "  Type     Reason     Age   From     Message",
            "  ----     ------     ----  ----     -------",
            "  Normal   Scheduled  5m    default  Successfully assigned shop/cart to node-1",
            '  Warning  Failed     3m    kubelet  Failed to pull image "shop/cart:1.4": not found',
        ]
    )
    shorter = compressed(text, limit=800).text
    assert "ImagePullBackOff" in shorter
    assert 'Failed to pull image "shop/cart:1.4": not found' in shorter
    assert "Status:           Pending" in shorter
    assert "  Ready             False" in shorter
    assert "7070/TCP" in shorter
    assert "containerd://" not in shorter
    assert "NoExecute" not in shorter
    assert "Initialized" not in shorter
