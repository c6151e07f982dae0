"""Bodies that are taken, as the document shows them."""

from typing import Final

INCIDENT: Final[dict[str, object]] = {
    "task": "Checkout returns 500s since 10:42. Find out why and fix it.",
    "namespaces": ["shop"],
    "workloads": [{"name": "checkout", "namespace": "shop"}],
    "alerts": [
        {"labels": {"alertname": "HighErrorRate"}, "starts_at": "2026-01-01T10:42:00Z"},
    ],
}
FACTS: Final[list[dict[str, object]]] = [
    {
        "number": 1,
        "fact": {
            "type": "model_replied",
            "text": "I look at the pods of checkout first.",
            "tool_calls": [
                {"call_id": "c1", "tool": "kubectl", "arguments": '{"command": "get pods -n shop"}'}
            ],
            "usage": {"input_tokens": 900, "output_tokens": 40},
        },
    },
]
CALL: Final[dict[str, object]] = {
    "number": 2,
    "call_id": "c1",
    "tool": "kubectl",
    "arguments": '{"command": "get pods -n shop"}',
}
END: Final[dict[str, object]] = {
    "number": 3,
    "exit": "final_answer",
    "claim": {"kind": "mitigated", "text": "The bad image was rolled back."},
    "wait": 1,
}
ANSWER: Final[dict[str, object]] = {
    "question": "which-namespace",
    "text": "shop",
    "by": "on-call",
}
ALLOWANCE: Final[dict[str, object]] = {
    "check": "replicas-kept",
    "kind": "Deployment",
    "name": "checkout",
    "namespace": "shop",
    "reason": "scaled down on purpose for the sale's end",
    "by": "on-call",
}
