"""The kubelet's log endpoint, so that `kubectl logs` and `--previous` work on simulated pods.

The API server asks the node for `/containerLogs/<namespace>/<pod>/<container>`; exec, attach and
port-forward have no process behind them here and are answered with 501.
"""

from __future__ import annotations

import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from e2e.kubelet.pods import PodLife
from e2e.objects import Pod

_LogKey = tuple[str, str, str]


class LogBook:
    """What each container printed, in its present life and the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[_LogKey, tuple[str, str, str]] = {}

    def write(self, pod: Pod, *, life: PodLife) -> None:
        """Take over what a pod's containers printed."""
        meta = pod.metadata
        with self._lock:
            for name, container in life.containers.items():
                key = (meta.namespace, meta.name, name)
                backing_off = container.state.waiting is not None
                previous = container.log if backing_off else container.previous_log
                self._texts[key] = (meta.uid, container.log, previous)

    def keep_only(self, uids: set[str]) -> None:
        """Drop the logs of pods that are gone."""
        with self._lock:
            self._texts = {key: text for key, text in self._texts.items() if text[0] in uids}

    def read(self, key: _LogKey, *, previous: bool) -> str | None:
        """Return a container's log, or `None` when there is no such container."""
        with self._lock:
            found = self._texts.get(key)
        return None if found is None else found[2 if previous else 1]


def serve_logs(book: LogBook, *, port: int, certificate: Path, key: Path) -> None:
    """Serve the logs over TLS on loopback, from a thread that ends with the process."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, book=book)

        def do_POST(self) -> None:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED, "simulated pods run no processes")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
            """Keep quiet: one line per request is of no use here."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _answer(request: BaseHTTPRequestHandler, *, book: LogBook) -> None:
    parts = urlsplit(request.path)
    match parts.path.strip("/").split("/"):
        case ["containerLogs", namespace, pod, container]:
            query = parse_qs(parts.query)
            text = book.read((namespace, pod, container), previous="previous" in query)
            if text is None:
                request.send_error(HTTPStatus.NOT_FOUND, "no such container")
                return
            body = _tail(text, lines=query.get("tailLines")).encode()
            request.send_response(HTTPStatus.OK)
            request.send_header("Content-Type", "text/plain")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        case _:
            request.send_error(HTTPStatus.NOT_IMPLEMENTED, "simulated pods only have logs")


def _tail(text: str, *, lines: list[str] | None) -> str:
    kept = text.splitlines()
    if lines and lines[0].isdecimal():
        kept = kept[-int(lines[0]) :] if int(lines[0]) else []
    return "".join(f"{line}\n" for line in kept)
