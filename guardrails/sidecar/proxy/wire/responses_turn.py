"""What a reply of Responses says: words, thought, and the calls that are the agent's to run."""

from guardrails.core.events import Usage
from guardrails.hygiene.messages import Call
from guardrails.hygiene.shapes.blocks import JOINT, text_of
from guardrails.hygiene.shapes.responses import call_of, kind_of, thought_of
from guardrails.hygiene.shapes.results import answers as answered
from guardrails.sidecar.proxy.wire.base import Json, Turn
from guardrails.sidecar.proxy.wire.calls import ending
from guardrails.sidecar.proxy.wire.fields import an_object, field, number, objects


def read_turn(body: Json) -> Turn:
    """Return what a reply says; its items are known to be sound."""
    output = objects(body.get("output"))
    done = {answered(item) for item in output if kind_of(item).endswith("_output")}
    calls = tuple(call for item in output if (call := _agents(item)) and call.call_id not in done)
    content = [part for item in output for part in objects(item.get("content"))]
    refusals = [field(part, "refusal") for part in content if part.get("type") == "refusal"]
    words = [text_of(item.get("content")) for item in output if kind_of(item) == "message"]
    text = JOINT.join(one for one in words if one)
    thought = [thought_of(item) for item in output if kind_of(item) == "reasoning"]
    finish = ending(_finish(body), calls=calls)
    spent = an_object(body.get("usage"))
    return Turn(
        body=body,
        text=text or JOINT.join(refusals),
        reasoning=JOINT.join(one for one in thought if one),
        calls=calls,
        usage=Usage(
            input_tokens=number(spent, "input_tokens"),
            output_tokens=number(spent, "output_tokens"),
        )
        if spent
        else None,
        finish="refusal" if refusals and not text and finish == "stop" else finish,
        message_id=field(body, "id"),
        model=field(body, "model"),
    )


def _agents(item: Json) -> Call | None:
    """Return the call that an item is, if the agent is to run it."""
    container = field(an_object(item.get("environment")), "type") == "container_reference"
    return None if container or item.get("execution") == "server" else call_of(item)


def _finish(body: Json) -> str:
    if field(body, "status") != "incomplete":
        return "stop"
    reason = field(an_object(body.get("incomplete_details")), "reason")
    return "length" if reason in {"", "max_output_tokens"} else reason
