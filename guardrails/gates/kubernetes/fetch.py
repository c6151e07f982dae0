"""Reads the values at one path of objects of any kind, as raw JSON.

The kinds that our own checks know are decoded by `objects.py`; this serves checks that people
write about any other, custom resources included. Of what is read only the values are kept.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from guardrails.gates.asked import FoundObject, ObjectAnswer, ObjectQuestion
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.kubernetes.transport import Failed, Request, Transport
from guardrails.gates.reads import Read, ReadStatus
from guardrails.policy.objectpath import Step, parse_path, values_at

PAGE = 500
"""Objects per page, as kubectl asks for."""

PAGES_AT_MOST = 20
"""10,000 objects: a condition on more is a mistake in the selector, and would stall each look."""


class _ListMeta(msgspec.Struct, frozen=True):
    next_page: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct, frozen=True):
    items: list[dict[str, object]] | None
    metadata: _ListMeta = _ListMeta()


async def fetch_objects(
    transport: Transport, question: ObjectQuestion, *, timeout_seconds: float
) -> ObjectAnswer:
    """Answer one question.

    Args:
        transport: The connection; its identity is the only one that is used.
        question: What to read.
        timeout_seconds: Limit of the whole answer.

    Returns:
        An answer, always: a failure is its `read` status, never an exception. An object that does
        not exist is a failure, too; a selector that selects nothing is an empty answer.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            items = await _items(transport, question)
        path = parse_path(question.path)
        found = tuple(_found(item, path) for item in items)
    except Failed as failed:
        return ObjectAnswer(question=question, read=failed.read)
    except TimeoutError:
        message = f"{question}: no whole answer in {timeout_seconds:g} s"
        late = Read(status=ReadStatus.TIMEOUT, message=message, temporary=True)
        return ObjectAnswer(question=question, read=late)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        garbled = Read(status=ReadStatus.GARBLED, message=f"{question}: {error}", temporary=True)
        return ObjectAnswer(question=question, read=garbled)
    except ValueError as error:
        return ObjectAnswer(
            question=question, read=Read(status=ReadStatus.ERROR, message=f"{question}: {error}")
        )
    return ObjectAnswer(question=question, objects=found)


def plural_of(question: ObjectQuestion) -> str:
    """Return the resource's name in URLs, by the usual rules where none is given.

    >>> plural_of(ObjectQuestion(kind="NetworkPolicy", path="spec"))
    'networkpolicies'
    """
    known = RESOURCES.get(question.kind)
    if question.plural:
        return question.plural
    if known is not None and known.group == question.group:
        return known.plural
    kind = question.kind.lower()
    if kind.endswith(("s", "x", "z", "ch", "sh")):
        return f"{kind}es"
    if kind.endswith("y") and kind[-2:-1] not in "aeiou":
        return f"{kind[:-1]}ies"
    return f"{kind}s"


def path_of(question: ObjectQuestion) -> str:
    """Return the URL path of the object or the list."""
    group, version = question.group, question.version
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    scope = f"/namespaces/{question.namespace}" if question.namespace else ""
    name = f"/{question.name}" if question.name else ""
    return f"{root}{scope}/{plural_of(question)}{name}"


async def _items(transport: Transport, question: ObjectQuestion) -> Sequence[dict[str, object]]:
    if question.name:
        request = Request(path=path_of(question), what=str(question))
        body = await transport.send(request)
        return [msgspec.json.decode(body, type=dict[str, object])]
    items: list[dict[str, object]] = []
    token = ""
    for _ in range(PAGES_AT_MOST):
        query = {"limit": str(PAGE), "labelSelector": question.label_selector}
        if token:
            query["continue"] = token
        request = Request(path=path_of(question), what=str(question), query=query)
        page = msgspec.json.decode(await transport.send(request), type=_Page)
        items.extend(page.items or ())
        token = page.metadata.next_page
        if not token:
            return items
    raise ValueError(f"more than {PAGES_AT_MOST * PAGE} objects; narrow label_selector")


def _found(item: dict[str, object], path: Sequence[Step]) -> FoundObject:
    metadata = msgspec.convert(item.get("metadata"), type=_Metadata)
    return FoundObject(
        name=metadata.name,
        namespace=metadata.namespace,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        values=tuple(msgspec.json.encode(value).decode() for value in values_at(item, path)),
    )


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
