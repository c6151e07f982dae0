"""Lists read from a real API server, through the `kubernetes` client's auth and transport.

Raw bytes are decoded by msgspec: the client's own models take seconds for 1,000 pods, the structs
of `objects.py` hundredths. Every failure becomes the status of its list, so that nothing unread
can look empty.
"""

import asyncio
import functools
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import urllib3
from kubernetes import client as kubernetes_client
from kubernetes.config import ConfigException

from guardrails.gates.kubernetes.objects import KubeObject, Namespace
from guardrails.gates.kubernetes.resources import RESOURCES, Resource, slim
from guardrails.gates.snapshot import ListKey, ObjectList, Read, ReadStatus

PAGE = 500
"""Objects per page, as kubectl asks for; bounds what the server holds for us."""

CONNECT_SECONDS = 3.0
"""A server that does not accept a connection by then is down, not slow."""

READERS = 16
"""Lists read at the same time; a look at three namespaces is 24 lists."""

MESSAGE_LIMIT = 300
"""Characters of a server's own words that are kept."""

_TEMPORARY = frozenset({408, 410, 425, 429, 500, 502, 503, 504})


class _ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    next_page: str = msgspec.field(default="", name="continue")


class _Envelope(msgspec.Struct, frozen=True):
    kind: str
    metadata: _ListMeta = _ListMeta()
    items: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    """Null is an empty list; absent is not a list."""


class _Status(msgspec.Struct, frozen=True):
    message: str = ""
    reason: str = ""


class _Access(msgspec.Struct, frozen=True):
    allowed: bool = False
    reason: str = ""


class _AccessReview(msgspec.Struct, frozen=True):
    status: _Access


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str


class _Failed(Exception):  # noqa: N818  # control flow inside this file
    """A request that gave no usable answer."""

    def __init__(self, read: Read, *, gone: bool = False) -> None:
        super().__init__(read.message)
        self.read = read
        self.gone = gone


class _Call:
    """One request while a thread works at it, so that its caller can give it up.

    A timeout of urllib3 is one of each read: a server that drips holds a thread for ever, and a
    process cannot end before its threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: urllib3.HTTPResponse | None = None
        self.abandoned = False

    def reading(self, answer: urllib3.HTTPResponse) -> None:
        """Say that the body is being read."""
        with self._lock:
            self._answer = answer
        if self.abandoned:
            self.abandon()

    def abandon(self) -> None:
        """End the read; from any thread."""
        self.abandoned = True
        with self._lock:
            if self._answer is None:
                return
            try:
                self._answer.shutdown()
            except (OSError, RuntimeError, ValueError):
                # The body was read whole, or the server hung up first: nothing is left to end.
                return


class KubernetesReader:
    """Reads lists through one configured connection pool. Safe to share between gates."""

    def __init__(
        self,
        configuration: kubernetes_client.Configuration,
        *,
        timeout_seconds: float = 10.0,
        namespace: str = "",
    ) -> None:
        # A retry inside the client multiplies the timeout; the gate asks again by itself.
        cast("Any", configuration).retries = False
        configuration.connection_pool_maxsize = READERS
        # The client is typed in part only.
        self._api = cast("Any", kubernetes_client.ApiClient(configuration))
        self._timeout = timeout_seconds
        self._signing = threading.Lock()
        # Own threads: a look must not wait for whatever else uses the loop's default executor.
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="guarded-agent-list")
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
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._api.rest_client.close()

    async def list(self, key: ListKey) -> ObjectList:
        """Read one list whole, page by page.

        A continue token that expired between pages (410) starts the list once more; a second
        expiry is a temporary failure.
        """
        resource = RESOURCES.get(key.kind)
        if resource is None:
            unknown = Read(status=ReadStatus.ERROR, message=f"no list of kind {key.kind} is known")
            return ObjectList(key=key, read=unknown)
        try:
            version, items = await self._whole(resource, key)
        except _Failed as failed:
            return ObjectList(key=key, read=failed.read)
        return ObjectList(key=key, resource_version=version, objects=items)

    async def identity(self) -> str:
        """Return the uid of the `kube-system` namespace, or nothing when it may not be read."""
        try:
            body = await self._request(
                "GET", "/api/v1/namespaces/kube-system", what="get Namespace"
            )
            return msgspec.json.decode(body, type=Namespace).metadata.uid
        except (_Failed, msgspec.DecodeError):
            return ""

    async def version(self) -> tuple[Read, str]:
        """Return the server's version, such as `v1.36.2`; needs no rights."""
        try:
            body = await self._request("GET", "/version", what="get the server version")
            return Read(), msgspec.json.decode(body, type=_Version).git_version
        except _Failed as failed:
            return failed.read, ""
        except msgspec.DecodeError as error:
            return Read(status=ReadStatus.GARBLED, message=f"GET /version: {error}"), ""

    async def can_i(self, verb: str, kind: str, namespace: str) -> tuple[Read, bool]:
        """Ask the server whether we may; every authenticated user may ask.

        Returns:
            How asking went, and the answer.
        """
        resource = RESOURCES[kind]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {
                "resourceAttributes": {
                    "verb": verb,
                    "group": resource.group,
                    "resource": resource.plural,
                    "namespace": namespace if resource.namespaced else "",
                }
            },
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        try:
            body = await self._request("POST", path, what="ask for access", body=review)
            return Read(), msgspec.json.decode(body, type=_AccessReview).status.allowed
        except _Failed as failed:
            return failed.read, False
        except msgspec.DecodeError as error:
            return Read(status=ReadStatus.GARBLED, message=f"{path}: {error}"), False

    async def _whole(self, resource: Resource, key: ListKey) -> tuple[str, tuple[KubeObject, ...]]:
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    return await self._pages(resource, key)
                except _Failed as failed:
                    if not failed.gone:
                        raise
                    return await self._pages(resource, key)
        except TimeoutError:
            message = f"{key}: no whole answer in {self._timeout:g} s"
            late = Read(status=ReadStatus.TIMEOUT, message=message, temporary=True)
            raise _Failed(late) from None

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
            body = await self._request("GET", path, what=str(key), query=query, resource=resource)
            meta, page = _decode(resource, key, body)
            items.extend(page)
            if not meta.next_page:
                return meta.resource_version, tuple(items)
            token = meta.next_page

    async def _request(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        resource: Resource | None = None,
    ) -> bytes:
        """Make one request in a thread, and end it there when the caller does not wait for it."""
        call = _Call()
        ask = functools.partial(
            self._blocking, call, method, path, query or {}, body, what, resource
        )
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except asyncio.CancelledError:
            call.abandon()
            raise

    def _blocking(  # positional for functools.partial
        self,
        call: _Call,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object,
        what: str,
        resource: Resource | None,
    ) -> bytes:
        try:
            return self._send(call, method, path, query, body, what, resource)
        except urllib3.exceptions.ProtocolError as first:
            if call.abandoned:
                raise _Failed(_unreachable(what, first)) from first
            # A kept-alive connection that the server had closed; a fresh one tells the truth.
            try:
                return self._send(call, method, path, query, body, what, resource)
            except urllib3.exceptions.ProtocolError as error:
                raise _Failed(_unreachable(what, error)) from error

    def _send(  # as above
        self,
        call: _Call,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object,
        what: str,
        resource: Resource | None,
    ) -> bytes:
        try:
            request = self._signed(method, path, query, body)
            timeout = (min(CONNECT_SECONDS, self._timeout), self._timeout)
            answer = self._api.call_api(*request, _request_timeout=timeout)
            call.reading(answer.response)
            data = cast("bytes", answer.read())
        except urllib3.exceptions.NewConnectionError as error:
            # A refused connection, although the client derives it from its timeouts.
            raise _Failed(_unreachable(what, error)) from error
        except urllib3.exceptions.TimeoutError as error:
            late = Read(
                status=ReadStatus.TIMEOUT, message=f"{what}: {_said(error)}", temporary=True
            )
            raise _Failed(late) from error
        except urllib3.exceptions.DecodeError as error:
            garbled = f"{what}: {_said(error)}"
            raise _Failed(
                Read(status=ReadStatus.GARBLED, message=garbled, temporary=True)
            ) from error
        except urllib3.exceptions.ProtocolError:
            raise
        except (urllib3.exceptions.HTTPError, kubernetes_client.ApiException, OSError) as error:
            raise _Failed(_unreachable(what, error)) from error
        except ConfigException as error:
            denied = Read(status=ReadStatus.UNAUTHORIZED, message=f"{what}: {_said(error)}")
            raise _Failed(denied) from error
        kind = str(answer.headers.get("Content-Type", ""))
        return _judge(what, int(answer.status), kind, data, resource)

    def _signed(self, method: str, path: str, query: Mapping[str, str], body: object) -> Any:  # noqa: ANN401  # the client's own tuple
        """Add the credentials; an expired token is renewed by one thread, and not by each."""
        with self._signing:
            return self._api.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params={
                    "Accept": "application/json",
                    "Accept-Encoding": "gzip",
                    **({"Content-Type": "application/json"} if body is not None else {}),
                },
                body=body,
                auth_settings=["BearerToken"],
            )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _judge(what: str, code: int, kind: str, data: bytes, resource: Resource | None) -> bytes:
    if code in {200, 201}:
        if "json" in kind:
            return data
        wrong = f"{what}: content type {kind or 'missing'}"
        raise _Failed(Read(status=ReadStatus.GARBLED, message=wrong, temporary=True))
    said = _status_message(data)
    if code == _UNAUTHORIZED:
        message = f"{what}: 401 {said or 'Unauthorized'}: the token is expired or unknown"
        raise _Failed(Read(status=ReadStatus.UNAUTHORIZED, message=message))
    if code == _FORBIDDEN:
        missing = f" (RBAC: allow list on {resource.plural})" if resource else ""
        message = f"{what}: 403 {said}{missing}"
        raise _Failed(Read(status=ReadStatus.FORBIDDEN, message=message))
    message = f"{what}: {code} {said}".strip()
    read = Read(status=ReadStatus.ERROR, message=message, temporary=code in _TEMPORARY)
    raise _Failed(read, gone=code == _GONE)


_UNAUTHORIZED, _FORBIDDEN, _GONE = 401, 403, 410


def _decode(resource: Resource, key: ListKey, body: bytes) -> tuple[_ListMeta, list[KubeObject]]:
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
        if envelope.kind != f"{resource.kind}List":
            raise msgspec.ValidationError(f"kind {envelope.kind}, expected {resource.kind}List")
        if envelope.items is msgspec.UNSET:
            raise msgspec.ValidationError("a list without items")
        items = [msgspec.json.decode(raw, type=resource.type) for raw in envelope.items or ()]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        garbled = Read(status=ReadStatus.GARBLED, message=f"{key}: {error}", temporary=True)
        raise _Failed(garbled) from error
    return envelope.metadata, [slim(item) for item in items]


def _status_message(data: bytes) -> str:
    try:
        said = msgspec.json.decode(data, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return " ".join(data[:MESSAGE_LIMIT].decode(errors="replace").split())
    return (said.message or said.reason)[:MESSAGE_LIMIT]


def _unreachable(what: str, error: Exception) -> Read:
    return Read(status=ReadStatus.UNREACHABLE, message=f"{what}: {_said(error)}", temporary=True)


def _said(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:MESSAGE_LIMIT]
