"""From what a person says (kubeconfig, context, namespace) to a reader, or one clear line why not.

Kubeconfig files, exec plugins and in-cluster tokens are read by the `kubernetes` client's own
loaders, so that whatever works for kubectl works here.
"""

import contextlib
import logging
import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import yaml
from kubernetes import client as kubernetes_client
from kubernetes import config as kubernetes_config

from guardrails.errors import PermanentSourceError, UsageError
from guardrails.gates.kubernetes.client import KubernetesReader

_config = cast("Any", kubernetes_config)  # its loaders are not typed

IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
"""Set by the kubelet in every pod."""


def connect(
    kubeconfig: Path | str | None = None,
    context: str | None = None,
    namespace: str | None = None,
    *,
    timeout_seconds: float = 10.0,
    environ: Mapping[str, str] | None = None,
) -> KubernetesReader:
    """Make a reader; nothing is asked of the server yet.

    Args:
        kubeconfig: A file; None takes `KUBECONFIG`, then `~/.kube/config`, then the pod's own
            service account.
        context: A context of it; None takes the current one.
        namespace: Overrides the namespace of the context.
        timeout_seconds: Limit of one list.
        environ: The process environment; given in tests.

    Raises:
        UsageError: The file does not exist or is no kubeconfig, or the context is not in it.
        PermanentSourceError: The credentials in it cannot be loaded.
    """
    env = os.environ if environ is None else environ
    configuration = kubernetes_client.Configuration()
    files = _files(kubeconfig, env)
    if files is None:
        try:
            _config.load_incluster_config(client_configuration=configuration)
        except kubernetes_config.ConfigException as error:
            raise PermanentSourceError(f"in-cluster configuration: {error}") from error
        return KubernetesReader(
            configuration, timeout_seconds=timeout_seconds, namespace=namespace or ""
        )
    chosen = _context(files, context)
    with _complaints() as complaints:
        try:
            _config.load_kube_config(
                config_file=files,
                context=chosen.get("name"),
                client_configuration=configuration,
                persist_config=False,
            )
        except (kubernetes_config.ConfigException, OSError, ValueError) as error:
            # The loader's messages name the missing user, cluster or file.
            raise PermanentSourceError(f"{files}: {' '.join(str(error).split())}") from error
    if complaints:
        said = " ".join(complaints[0].split())
        raise PermanentSourceError(
            f"{files}: the credentials plugin of context {chosen.get('name')!r} failed: {said}; "
            f"install it or log in again, as for kubectl"
        )
    _check_server(str(configuration.host), files)
    details = cast("dict[str, Any]", chosen.get("context") or {})
    plugin = _plugin(files, str(details.get("user") or ""))
    if plugin and not configuration.api_key and not configuration.cert_file:
        # The loader logs why and goes on without credentials, to a 401 that explains nothing.
        raise PermanentSourceError(
            f"{files}: the exec plugin {plugin!r} gave no credentials; log in again, or run it by "
            f"hand to see why"
        )
    return KubernetesReader(
        configuration,
        timeout_seconds=timeout_seconds,
        namespace=namespace or str(details.get("namespace") or "default"),
    )


class _Kept(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__(level=logging.ERROR)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record.getMessage())


@contextlib.contextmanager
def _complaints() -> Generator[list[str]]:
    """Collect what the loader only logs: a credentials plugin that is missing or fails."""
    kept: list[str] = []
    handler = _Kept(kept)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield kept
    finally:
        root.removeHandler(handler)


def _check_server(server: str, files: str) -> None:
    try:
        parts = urlsplit(server)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"{files}: server {server!r} is not a URL like https://host:6443")


def _files(kubeconfig: Path | str | None, environ: Mapping[str, str]) -> str | None:
    """Return the kubeconfig path or paths to load, or None for in-cluster."""
    if kubeconfig is not None:
        path = Path(kubeconfig).expanduser()
        if not path.is_file():
            what = "this is a folder; name the file in it" if path.is_dir() else "no such file"
            raise UsageError(f"kubeconfig {path}: {what}")
        return str(path)
    named = environ.get("KUBECONFIG", "")
    if named:
        present = [p for p in named.split(os.pathsep) if p and Path(p).expanduser().is_file()]
        if not present:
            raise UsageError(f"KUBECONFIG={named}: no such file")
        return os.pathsep.join(present)
    default = Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config"
    if default.is_file():
        return str(default)
    if environ.get(IN_CLUSTER):
        return None
    raise UsageError(
        f"no kubeconfig: give --kubeconfig FILE or set KUBECONFIG ({default} does not exist)"
    )


def _plugin(files: str, user: str) -> str:
    """Return the command that gives this user credentials, if one does."""
    for name in files.split(os.pathsep):
        for entry in cast("list[Any]", _read(Path(name).expanduser()).get("users") or []):
            found = cast("dict[str, Any]", entry)
            if found.get("name") == user:
                details = cast("dict[str, Any]", found.get("user") or {})
                runs = cast("dict[str, Any]", details.get("exec") or {})
                return str(runs.get("command") or "")
    return ""


def _context(files: str, context: str | None) -> dict[str, Any]:
    """Return the context to use; read by ourselves, so that its absence can be said well."""
    known: dict[str, dict[str, Any]] = {}
    current = ""
    for name in files.split(os.pathsep):
        content = _read(Path(name).expanduser())
        current = current or str(content.get("current-context") or "")
        for entry in cast("list[dict[str, Any]]", content.get("contexts") or []):
            known.setdefault(str(entry.get("name")), entry)
    wanted = context or current
    if not wanted:
        raise UsageError(f"{files}: no current context; give --context, one of: {_names(known)}")
    if wanted not in known:
        raise UsageError(f"{files}: no context {wanted!r}; it has: {_names(known)}")
    return known[wanted]


def _read(path: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path}: not a kubeconfig: {' '.join(str(error).split())}") from error
    contexts: Any = (
        cast("dict[str, Any]", content).get("contexts") if isinstance(content, dict) else 0
    )
    if not isinstance(contexts, list | None) or not all(
        isinstance(x, dict) for x in cast("list[object]", contexts or [])
    ):
        raise UsageError(f"{path}: not a kubeconfig: it should be a mapping with contexts")
    return cast("dict[str, Any]", content)


def _names(known: Mapping[str, object]) -> str:
    return ", ".join(sorted(known)) or "none"
