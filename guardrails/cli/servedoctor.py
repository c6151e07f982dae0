"""What `doctor --serve` looks at besides the sources: files, tokens, store, folder and identity."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from guardrails.cli.serving import open_readers
from guardrails.cli.sources import Opened
from guardrails.cli.symptoms import Symptom, examine
from guardrails.errors import GuardrailsError, PermanentSourceError
from guardrails.gates.kubernetes.reviews import Question
from guardrails.gates.reference import find_snapshots, read_manifests
from guardrails.sidecar.assembly import scope_of
from guardrails.sidecar.auth.tokens import TokenFiles
from guardrails.sidecar.config import ServeSettings
from guardrails.sidecar.configfile import read_serve_settings, store_url
from guardrails.sidecar.identity import Identity, examine_identity
from guardrails.sidecar.policies import Policies
from guardrails.sidecar.reference import folder_of
from guardrails.sidecar.stores.opening import open_store

TOKEN_REVIEW = Question(verb="create", group="authentication.k8s.io", resource="tokenreviews")
_SHOWN = 4


def examine_service(file: Path, options: dict[str, object]) -> list[Symptom]:
    """Look at everything that the service would need.

    Args:
        file: Its settings.
        options: Over the file, by dotted key.

    Returns:
        Every symptom, well or not.

    Raises:
        UsageError: The settings are wrong; a line per mistake.
    """
    settings = read_serve_settings(file, options)
    found = [Symptom(what=f"settings {file}", well=True)]
    found += _files(settings)
    found.append(_told("store", lambda: _store(settings)))
    with contextlib.closing(open_readers(settings)) as opened:
        found += asyncio.run(_cluster(settings, opened))
    return found


def _files(settings: ServeSettings) -> list[Symptom]:
    sources, reference, auth = settings.sources, settings.reference, settings.auth
    found = [_told("policies", lambda: _policies(settings))]
    if auth.mode == "tokens" and auth.tokens is not None:
        path = auth.tokens
        found.append(_told("tokens", lambda: _tokens(path)))
    if auth.mode == "none":
        found.append(
            Symptom(what="tokens", well=True, optional=True, detail="nobody is asked for one")
        )
    if sources.baselines:
        found.append(_told("baselines", lambda: f"{len(find_snapshots(sources.baselines))} files"))
    if sources.manifests:
        found.append(_told("manifests", lambda: f"{len(read_manifests(sources.manifests))} found"))
    if reference.folder is not None:
        folder = folder_of(reference.folder, settings.scope.namespaces or ("default",))
        found.append(_folder(folder))
    return found


def _policies(settings: ServeSettings) -> str:
    names = Policies(settings.policies).names()
    usual = settings.policies.file or "the shipped profiles"
    return f"{usual}" + (f", and {', '.join(names)}" if names else "")


def _tokens(path: Path) -> str:
    tokens = TokenFiles(path)
    return "; ".join([f"{len(tokens)} are good", *tokens.warnings()])


def _store(settings: ServeSettings) -> str:
    with contextlib.closing(open_store(store_url(settings))) as store:
        store.ping()
        return store.name


def _folder(folder: Path) -> Symptom:
    """Say whether snapshots could be written, and write none."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    well = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    detail = str(folder) if well else f"{there}: no right to write to it"
    return Symptom(what="reference folder", well=well, detail=detail)


async def _cluster(settings: ServeSettings, opened: Opened) -> list[Symptom]:
    namespaces = scope_of(settings, opened)
    found = await examine(opened, namespaces)
    if not found[0].well:
        return found  # the server does not answer, and has been said not to
    usual = Policies(settings.policies).choose("", "").gate
    try:
        identity = await examine_identity(
            opened.cluster, namespaces, ignored=usual.ignore_lists, more=usual.custom_resources
        )
    except PermanentSourceError as error:
        return [*found, Symptom(what="identity", well=False, detail=str(error))]
    found += _identity(identity, allow_write=settings.scope.allow_write_identity)
    if settings.auth.mode == "tokenreview":
        read, may = await opened.cluster.may(TOKEN_REVIEW)
        detail = "" if may else read.message or "no right (RBAC) to create it"
        found.append(Symptom(what="create tokenreviews", well=may, detail=detail))
    return found


def _identity(identity: Identity, *, allow_write: bool) -> Sequence[Symptom]:
    found: list[Symptom] = []
    writes = len(identity.writes)
    if not writes:
        found.append(Symptom(what="identity changes nothing", well=True))
    else:
        named = "; ".join(identity.writes[:_SHOWN])
        more = f" and {writes - _SHOWN} more" if writes > _SHOWN else ""
        found.append(
            Symptom(
                what="identity changes nothing",
                well=allow_write,
                optional=allow_write,
                detail=f"it may {named}{more}",
            )
        )
    if identity.secrets:
        found.append(
            Symptom(
                what="identity reads no Secrets",
                well=True,
                optional=True,
                detail=f"it may, {', '.join(identity.secrets)}; take the right away",
            )
        )
    found += [
        Symptom(what="rights of the identity", well=True, optional=True, detail=one)
        for one in identity.unknown
    ]
    return found


def _told(what: str, look: Callable[[], str]) -> Symptom:
    try:
        return Symptom(what=what, well=True, detail=look())
    except GuardrailsError as error:
        return Symptom(what=what, well=False, detail=" ".join(str(error).split()))
