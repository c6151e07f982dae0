"""Lists read from a real API server, through the `kubernetes` client's auth and transport.

Raw bytes are decoded by msgspec: the client's own models take seconds for 1,000 pods, the structs
of `objects.py` hundredths. Every failure becomes the status of its list, so that nothing unread
can look empty.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakValueDictionary

import msgspec
from kubernetes import client as kubernetes_client

from guardrails.gates.asked import ObjectAnswer, ObjectQuestion
from guardrails.gates.kubernetes.fetch import fetch_objects
from guardrails.gates.kubernetes.objects import KubeObject, Namespace
from guardrails.gates.kubernetes.reduction import slim, without_old_templates
from guardrails.gates.kubernetes.resources import Resource, resource_of
from guardrails.gates.kubernetes.reviews import (
    Question,
    Rules,
    TokenOwner,
    may_do,
    own_rules,
    owner_of_token,
)
from guardrails.gates.kubernetes.transport import Failed, Request, Transport
from guardrails.gates.snapshot import ListKey, ObjectList, Read, ReadStatus

PAGE = 500
"""Objects per page, as kubectl asks for; bounds what the server holds for us."""

_KUBE_SYSTEM = Request(path="/api/v1/namespaces/kube-system", what="get Namespace")
_VERSION = Request(path="/version", what="get the server version")
_GROUPS = Request(path="/apis", what="list the API groups")

GROUPS_SECONDS = 30.0
"""How long it is believed which API groups a cluster serves: extensions come and go with their
operators, not with incidents, and a look every few seconds need not ask each time."""


class _ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    next_page: str = msgspec.field(default="", name="continue")


class _Envelope(msgspec.Struct, frozen=True):
    kind: str
    metadata: _ListMeta = _ListMeta()
    items: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    """Null is an empty list; absent is not a list."""


class _Identity(msgspec.Struct, frozen=True, rename="camel", gc=False):
    uid: str = ""
    resource_version: str = ""


class _Head(msgspec.Struct, frozen=True, gc=False):
    """What tells whether an object is the one that was read before."""

    metadata: _Identity = _Identity()


class _Group(msgspec.Struct, frozen=True):
    name: str


class _Groups(msgspec.Struct, frozen=True):
    groups: tuple[_Group, ...]


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str


class KubernetesReader:
    """Reads lists through one configured connection pool. Safe to share between gates."""

    def __init__(
        self,
        configuration: kubernetes_client.Configuration,
        *,
        timeout_seconds: float = 10.0,
        namespace: str = "",
    ) -> None:
        self._transport = Transport(configuration, timeout_seconds=timeout_seconds)
        self._timeout = timeout_seconds
        # Looks share what did not change between them: five looks at 5,000 pods would hold 100 MB.
        self._seen: WeakValueDictionary[str, KubeObject] = WeakValueDictionary()
        self._groups: frozenset[str] = frozenset()
        self._groups_until = 0.0
        # A reader outlives event loops, a lock does not.
        self._asking: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )
        self.namespace = namespace
        """Namespace of the context, for callers that name none."""
        self.server = _origin(configuration.host)
        """Scheme, host and port; the rest of a URL may hold credentials."""

    @classmethod
    def connect(
        cls,
        kubeconfig: Path | str | None = None,
        context: str | None = None,
        namespace: str | None = None,
        *,
        timeout_seconds: float = 10.0,
    ) -> "KubernetesReader":
        """Make a reader as kubectl would find its cluster; nothing is asked of the server yet.

        Args:
            kubeconfig: A file; None takes `KUBECONFIG`, then `~/.kube/config`, then the pod's own
                service account.
            context: A context of it; None takes the current one.
            namespace: Overrides the namespace of the context.
            timeout_seconds: Limit of one list.

        Raises:
            UsageError: The file does not exist or is no kubeconfig, or the context is not in it.
            PermanentSourceError: The credentials in it cannot be loaded.
        """
        from guardrails.gates.kubernetes.connect import connect  # noqa: PLC0415  # it imports us

        return connect(kubeconfig, context, namespace, timeout_seconds=timeout_seconds)

    def __repr__(self) -> str:
        return f"KubernetesReader({self.server})"

    def close(self) -> None:
        """Close the connections; a request in flight ends by its own timeout."""
        self._transport.close()

    async def list(self, key: ListKey) -> ObjectList:
        """Read one list whole, page by page.

        A continue token that expired between pages (410) starts the list once more; a second
        expiry is a temporary failure.
        """
        resource = resource_of(key.kind)
        if resource is None:
            unknown = Read(status=ReadStatus.ERROR, message=f"no list of kind {key.kind} is known")
            return ObjectList(key=key, read=unknown)
        try:
            if resource.optional and not await self._serves(resource.group):
                return ObjectList(key=key, read=_not_served(resource))
            version, items = await self._whole(resource, key)
        except Failed as failed:
            if resource.optional and failed.absent:
                return ObjectList(key=key, read=_not_served(resource))
            return ObjectList(key=key, read=failed.read)
        return ObjectList(key=key, resource_version=version, objects=items)

    async def fetch(self, question: ObjectQuestion) -> ObjectAnswer:
        """Read what stands at a path of objects of any kind."""
        return await fetch_objects(self._transport, question, timeout_seconds=self._timeout)

    async def identity(self) -> str:
        """Return the uid of the `kube-system` namespace, or nothing when it may not be read."""
        try:
            body = await self._transport.send(_KUBE_SYSTEM)
            return msgspec.json.decode(body, type=Namespace).metadata.uid
        except (Failed, msgspec.DecodeError):
            return ""

    async def version(self) -> tuple[Read, str]:
        """Return the server's version, such as `v1.36.2`; needs no rights."""
        try:
            body = await self._transport.send(_VERSION)
            return Read(), msgspec.json.decode(body, type=_Version).git_version
        except Failed as failed:
            return failed.read, ""
        except msgspec.DecodeError as error:
            return Read(status=ReadStatus.GARBLED, message=f"GET /version: {error}"), ""

    async def can_i(self, verb: str, kind: str, namespace: str) -> tuple[Read, bool]:
        """Ask the server whether we may; every authenticated user may ask.

        Returns:
            How asking went, and the answer.
        """
        resource = resource_of(kind)
        if resource is None:
            return Read(status=ReadStatus.ERROR, message=f"no kind {kind} is known"), False
        return await may_do(
            self._transport,
            Question(
                verb=verb,
                group=resource.group,
                resource=resource.plural,
                namespace=namespace if resource.namespaced else "",
            ),
        )

    async def may(self, question: Question) -> tuple[Read, bool]:
        """Ask the server whether we may do anything at all, of any kind."""
        return await may_do(self._transport, question)

    async def rules(self, namespace: str) -> Rules:
        """Ask the server what we may do in a namespace; every authenticated user may ask."""
        return await own_rules(self._transport, namespace)

    async def owner_of(self, token: str, *, audiences: Sequence[str] = ()) -> TokenOwner:
        """Ask the server whose a token is; needs the right to create `tokenreviews`."""
        return await owner_of_token(self._transport, token, audiences=audiences)

    async def _serves(self, group: str) -> bool:
        """Tell whether the cluster knows an API group; asked once for many lists.

        Raises:
            Failed: The cluster does not say.
        """
        lock = self._asking.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:
            if time.monotonic() >= self._groups_until:
                body = await self._transport.send(_GROUPS)
                try:
                    found = msgspec.json.decode(body, type=_Groups)
                except msgspec.DecodeError as error:
                    raise Failed(_garbled(f"GET /apis: {error}")) from error
                self._groups = frozenset(g.name for g in found.groups)
                self._groups_until = time.monotonic() + GROUPS_SECONDS
            return group in self._groups

    async def _whole(self, resource: Resource, key: ListKey) -> tuple[str, tuple[KubeObject, ...]]:
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    return await self._pages(resource, key)
                except Failed as failed:
                    if not failed.gone:
                        raise
                    return await self._pages(resource, key)
        except TimeoutError:
            message = f"{key}: no whole answer in {self._timeout:g} s"
            late = Read(status=ReadStatus.TIMEOUT, message=message, temporary=True)
            raise Failed(late) from None

    async def _pages(self, resource: Resource, key: ListKey) -> tuple[str, tuple[KubeObject, ...]]:
        items: list[KubeObject] = []
        token = ""
        while True:
            query = {"limit": str(PAGE)}
            if key.name:
                query["fieldSelector"] = f"metadata.name={key.name}"
            if token:
                query["continue"] = token
            path = resource.path(key.namespace)
            request = Request(path=path, what=str(key), query=query, resource=resource)
            meta, page = self._decode(resource, key, await self._transport.send(request))
            items.extend(page)
            if not meta.next_page:
                return meta.resource_version, self._kept(items)
            token = meta.next_page

    def _decode(
        self, resource: Resource, key: ListKey, body: bytes
    ) -> tuple[_ListMeta, Sequence[KubeObject]]:
        try:
            envelope = msgspec.json.decode(body, type=_Envelope)
            if not resource.is_list(envelope.kind):
                raise msgspec.ValidationError(f"kind {envelope.kind}, expected {resource.kind}List")
            if envelope.items is msgspec.UNSET:
                raise msgspec.ValidationError("a list without items")
            items = [self._object(resource, raw) for raw in envelope.items or ()]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Failed(_garbled(f"{key}: {error}")) from error
        return envelope.metadata, items

    def _object(self, resource: Resource, raw: msgspec.Raw) -> KubeObject:
        """Decode an object, or return the one read before: a version of a uid never changes."""
        head = _heads.decode(raw).metadata
        known = self._seen.get(head.uid)
        if (
            known is not None
            and known.metadata.resource_version == head.resource_version
            and isinstance(known, resource.type)
        ):
            return known
        return slim(resource.decode(raw))

    def _kept(self, items: Sequence[KubeObject]) -> tuple[KubeObject, ...]:
        kept = tuple(without_old_templates(items))
        self._seen.update({x.metadata.uid: x for x in kept if x.metadata.uid})
        return kept


_heads = msgspec.json.Decoder(_Head)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _garbled(message: str) -> Read:
    return Read(status=ReadStatus.GARBLED, message=message, temporary=True)


def _not_served(resource: Resource) -> Read:
    return Read(status=ReadStatus.NOT_SERVED, message=f"no API group {resource.group}")
