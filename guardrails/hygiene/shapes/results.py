"""Results of calls among the items of OpenAI's Responses: each kind of call has its own form."""

from collections.abc import Mapping
from typing import Any, Final

from guardrails.hygiene.shapes.blocks import JOINT, Json, as_object, blocks_of, text_of, with_text

APPROVAL: Final = "mcp_approval_request"
_APPROVED: Final = "mcp_approval_response"
_SHELL: Final = "shell_call_output"
_NO_PICTURE: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChw"
    "GA60e6kgAAAABJRU5ErkJggg=="
)
"""One pixel: a computer's result must be a picture, even of an act that was not done."""


def is_result(item: Mapping[str, Any]) -> bool:
    """Tell whether an item answers a call."""
    kind = str(item.get("type") or "")
    return kind == _APPROVED or (kind.endswith("_output") and bool(answers(item)))


def answers(item: Mapping[str, Any]) -> str:
    """Return the id of the call that an item answers; empty if it names none."""
    if item.get("type") == _APPROVED:
        return str(item.get("approval_request_id") or "")
    # A local shell's result names its call in `id`; some clients write `call_id` there too.
    by_id = item.get("id") if item.get("type") == "local_shell_call_output" else None
    return str(item.get("call_id") or by_id or "")


def result_text(item: Mapping[str, Any]) -> tuple[str, bool]:
    """Return what a result says, and whether it is an error by its own word."""
    if item.get("type") == _APPROVED:
        approved = bool(item.get("approve"))
        return str(item.get("reason") or ("approved" if approved else "denied")), not approved
    output: object = item.get("output")
    if item.get("type") == _SHELL and isinstance(output, list):
        parts = [as_object(part) for part in item["output"]]
        texts = [str(part.get(key) or "") for part in parts for key in ("stdout", "stderr")]
        return JOINT.join(text for text in texts if text), False
    return text_of(output), item.get("status") == "failed"


def result_item(kind: str, call_id: str, text: str, *, error: bool) -> Json:
    """Return the result of a call.

    Args:
        kind: Type of the call's item, such as `function_call`.
        call_id: Its id.
        text: What the model is told.
        error: Whether that is an error.

    >>> result_item("custom_tool_call", "1", "no", error=True)
    {'type': 'custom_tool_call_output', 'call_id': '1', 'output': 'no'}
    """
    match kind:
        case "mcp_approval_request":
            told = {"approve": not error, "reason": text}
            return {"type": _APPROVED, "approval_request_id": call_id, **told}
        case "local_shell_call":
            return {"type": f"{kind}_output", "id": call_id, "call_id": call_id, "output": text}
        case "shell_call":
            outcome = {"type": "exit", "exit_code": int(error)}
            words = {"stdout": "" if error else text, "stderr": text if error else ""}
            output = [{**words, "outcome": outcome}]
            return {"type": _SHELL, "call_id": call_id, "output": output}
        case "apply_patch_call":
            status = "failed" if error else "completed"
            found = {"type": f"{kind}_output", "call_id": call_id, "status": status}
            return {**found, "output": text}
        case "computer_call":
            picture = {"type": "computer_screenshot", "image_url": _NO_PICTURE}
            return {"type": f"{kind}_output", "call_id": call_id, "output": picture}
        case "tool_search_call":
            # It has no words for an error: the search found nothing.
            done = {"execution": "client", "status": "completed"}
            return {"type": "tool_search_output", "call_id": call_id, "tools": [], **done}
        case _:
            return {"type": f"{kind}_output", "call_id": call_id, "output": text}


SILENT: Final = frozenset({"computer_call", "tool_search_call"})
"""Kinds whose results hold no words; what the model is to be told must be said beside them."""


def with_result(item: Json, text: str) -> Json:
    """Return a result that says something else."""
    if item.get("type") == _APPROVED:
        return {**item, "reason": text}
    output: object = item.get("output")
    if item.get("type") == _SHELL and isinstance(output, list):
        parts = [as_object(part) for part in item["output"]]
        outcome: object = parts[-1].get("outcome") if parts else {"type": "exit", "exit_code": 0}
        return {**item, "output": [{"stdout": text, "stderr": "", "outcome": outcome}]}
    if isinstance(output, Mapping):
        return item  # a picture
    if isinstance(output, list):
        return {**item, "output": with_input(item["output"], text)}
    return {**item, "output": text}


def with_input(content: object, text: str) -> object:
    """Return a content that says something else, in a block for what goes to a model."""
    if isinstance(content, str) or content is None or text_of(content) or not text:
        return with_text(content, text)
    return [*blocks_of(content), {"type": "input_text", "text": text}]
