"""The fact of a tool's result, from its text: the same for every framework and wire."""

from hashlib import blake2b

from guardrails.core.events import TEXT_LIMIT, ToolReturned, ToolStatus
from guardrails.core.ids import CallId
from guardrails.hygiene.redact import clipped


def returned_text(text: str, *, call_id: str, tool: str, status: ToolStatus) -> ToolReturned:
    """Return the fact that a call gave back a text.

    Args:
        text: The whole result; what is kept of it is clipped, its digest covers all.
        call_id: The call that it answers.
        tool: The tool's name.
        status: How it went.
    """
    return ToolReturned(
        call_id=CallId(call_id),
        tool=tool,
        status=status,
        text=clipped(text, TEXT_LIMIT),
        digest=blake2b(text.encode(errors="replace"), digest_size=16).hexdigest(),
        size=len(text),
    )
