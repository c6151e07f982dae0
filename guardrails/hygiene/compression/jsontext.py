"""JSON as values and as text."""

from typing import cast

import msgspec

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def parse(text: str) -> Json:
    """Read JSON.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return cast("Json", msgspec.json.decode(text))


def written(value: Json) -> str:
    """Write JSON densely; indentation is a third of what kubectl prints."""
    return msgspec.json.encode(value).decode()
