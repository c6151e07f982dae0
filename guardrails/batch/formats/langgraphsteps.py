"""What LangGraph's steps say in the records of any tracer: whose step it is, and what came of it.

Tracers of LangChain keep the metadata of each step, OpenInference as JSON in `metadata` and
OpenLLMetry as attributes. Steps are named after nodes of graphs, which are no agents: `agent`,
`call_agent` and `tools` stand in every graph of the same make.
"""

from typing import Final

from guardrails.batch.formats.messages import Answered, message_of
from guardrails.batch.formats.values import Json, first, is_object, items, obj, parsed, word

_PROPERTIES: Final = "traceloop.association.properties."
_WRAPPED: Final = ("output", "outputs")
"""Under these OpenLLMetry keeps what a step returned."""


def step_agent(given: Json) -> str | None:
    """Return the agent that a step of a graph belongs to.

    `create_agent` says it. Else it is the graph that the step's own graph is a node of, by the
    path of the checkpoint: `supervisor:1f0c…|agent:77ab…` is a step of `supervisor`.

    Returns:
        The name, empty where the step is of the outermost graph; None for what is no step.
    """
    metadata = obj(parsed(given.get("metadata")))
    said = first(metadata, "lc_agent_name") or first(given, f"{_PROPERTIES}lc_agent_name")
    if said:
        return said
    path = "langgraph_checkpoint_ns"
    found = first(metadata, path) or first(given, f"{_PROPERTIES}{path}")
    if not found:
        return None
    around = found.split("|")[:-1]
    return around[-1].partition(":")[0] if around else ""


def tool_result(body: object) -> Answered | None:
    """Return the result that a tool's span holds as a message; None for plain words.

    A tool may return a `Command`, which goes on elsewhere; its message for the model is in the
    update. A hand-over brings the whole history along: the last result is its own.
    """
    found = parsed(body)
    for key in _WRAPPED:
        if is_object(found) and key in found:
            found = parsed(found[key])
    update = obj(obj(found).get("update"))
    told = items(update.get("messages")) if update else (found,)
    for one in reversed(told):
        message = message_of(one)
        if message is not None and message.results:
            return message.results[0]
    return None


def handed_to(span_name: str) -> str:
    """Return the tool by which an agent of OpenAI's SDK hands over: it names the span otherwise.

    >>> handed_to("handoff to Log reader"), handed_to("kubectl")
    ('transfer_to_log_reader', '')
    """
    begins = "handoff to "
    if not span_name.startswith(begins):
        return ""
    return f"transfer_to_{word(span_name.removeprefix(begins)).strip().lower().replace(' ', '_')}"
