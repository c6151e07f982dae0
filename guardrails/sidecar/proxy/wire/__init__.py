"""Wire formats of model servers, read and written as their clients expect them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from guardrails.sidecar.proxy.wire.anthropic import Anthropic
from guardrails.sidecar.proxy.wire.base import Wire
from guardrails.sidecar.proxy.wire.chat import Chat
from guardrails.sidecar.proxy.wire.responses import Responses

WIRES: Final[Mapping[str, Wire]] = MappingProxyType(
    {
        "/v1/chat/completions": Chat(),
        "/v1/responses": Responses(),
        "/v1/messages": Anthropic(),
    }
)
"""Each format by the path that its clients post to."""
