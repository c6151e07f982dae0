"""From a settings file and the options of a command line to `ServeSettings`, or a line per mistake.

Options win over the file. Paths in the file are taken from where the file is.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from guardrails.errors import UsageError
from guardrails.policy.document import KeyPath, dotted
from guardrails.policy.durations import format_duration
from guardrails.policy.problems import check, lines
from guardrails.policy.yamlfile import read_bytes, read_document
from guardrails.sidecar.config import ServeSettings

DEFAULT_STORE: Final = "sqlite:guarded-agent.db"
_URL_BYTES: Final = 4_096


class SettingsError(UsageError):
    """The service's settings are wrong; the message names file, line and field, or the option."""


def read_serve_settings(
    file: Path | None = None, options: Mapping[str, object] | None = None
) -> ServeSettings:
    """Read the settings of the service.

    Args:
        file: YAML, or JSON by its suffix; None for the defaults.
        options: Values by dotted key (`listen.port`), over those of the file; None means that the
            option was not given.

    Raises:
        SettingsError: Something in them is wrong, or does not go together; a line per mistake.

    >>> read_serve_settings(options={"listen.port": 0}).listen.port
    0
    """
    settings = ServeSettings()
    if file is not None:
        document = read_document(file, what="settings file", error=SettingsError)
        written = check(document, ServeSettings, error=SettingsError)
        settings = cast("ServeSettings", _beside(written, file.parent))
    settings = _with_options(settings, options or {})
    wrong = _mistakes(settings)
    if wrong:
        where = f"{file}: " if file is not None else ""
        raise SettingsError("\n".join(f"{where}{line}" for line in wrong))
    return settings


def store_url(settings: ServeSettings) -> str:
    """Return where runs are kept.

    Raises:
        SettingsError: The file that should hold the URL cannot be read.
    """
    store = settings.store
    if store.url_file is None:
        return store.url or DEFAULT_STORE
    data = read_bytes(
        store.url_file, what="file with the store's URL", error=SettingsError, limit=_URL_BYTES
    )
    url = data.decode("utf-8", errors="replace").strip()
    if not url or len(url.split()) > 1:
        raise SettingsError(f"{store.url_file}: one URL should be in it, and nothing else")
    return url


def is_loopback(host: str) -> bool:
    """Tell whether only this machine (or this pod) reaches an address.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0")]
    [True, True, True, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a settings file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ServeSettings.model_json_schema(schema_generator=_DurationDefaults),
        "title": "guarded-agent serve",
    }


class _DurationDefaults(GenerateJsonSchema):
    """Writes defaults as people do: the only fractions in the file are durations."""

    def encode_default(self, dft: object) -> object:
        """Encode a default value."""
        return format_duration(dft) if isinstance(dft, float) else super().encode_default(dft)


def _with_options(settings: ServeSettings, options: Mapping[str, object]) -> ServeSettings:
    data = settings.model_dump()
    for key, value in options.items():
        if value is not None:
            section, _, name = key.partition(".")
            data[section][name] = value

    def locate(path: KeyPath) -> tuple[int, str]:
        return 0, f"option {dotted(path)}"

    try:
        return ServeSettings.model_validate(data)
    except ValidationError as problem:
        found = lines(problem, ServeSettings, data, locate=locate)
        raise SettingsError("\n".join(found)) from None


def _mistakes(settings: ServeSettings) -> list[str]:
    return [
        *_listen_mistakes(settings),
        *_auth_mistakes(settings),
        *_file_mistakes(settings),
    ]


def _listen_mistakes(settings: ServeSettings) -> list[str]:
    listen, found = settings.listen, list[str]()
    if not is_loopback(listen.host) and settings.auth.mode == "none" and not listen.insecure:
        found.append(
            f"listen.host: {listen.host} is reached by others and auth.mode is none; set auth.mode "
            f"to tokens or tokenreview, or say --insecure if the network is yours alone"
        )
    if (listen.tls_certificate is None) != (listen.tls_key is None):
        found.append("listen: tls_certificate and tls_key go together; give both or neither")
    if settings.store.url is not None and settings.store.url_file is not None:
        found.append("store: url and url_file say the same thing; give one of them")
    return found


def _auth_mistakes(settings: ServeSettings) -> list[str]:
    auth, found = settings.auth, list[str]()
    if auth.mode == "tokens" and auth.tokens is None:
        found.append("auth.tokens: missing; with mode tokens name the file or folder of tokens")
    if auth.mode != "tokens" and auth.tokens is not None:
        found.append(f"auth.tokens: not read with mode {auth.mode}; set auth.mode: tokens")
    if auth.mode == "tokenreview" and not auth.accounts:
        found.append("auth.accounts: missing; with mode tokenreview nobody has a role without it")
    for at, entry in enumerate(auth.accounts):
        given = [entry.account, entry.user, entry.group]
        if sum(one is not None for one in given) != 1:
            found.append(f"auth.accounts[{at}]: give one of account, user and group")
    return found


def _file_mistakes(settings: ServeSettings) -> list[str]:
    listen, policies = settings.listen, settings.policies
    files = {
        "listen.tls_certificate": listen.tls_certificate,
        "listen.tls_key": listen.tls_key,
        "policies.file": policies.file,
        "store.url_file": settings.store.url_file,
        "sources.kubeconfig": settings.sources.kubeconfig,
    }
    found = [
        f"{key}: {path}: no such file"
        for key, path in files.items()
        if path is not None and not path.is_file()
    ]
    if policies.directory is not None and not policies.directory.is_dir():
        found.append(f"policies.directory: {policies.directory}: no such folder")
    if settings.auth.tokens is not None and not settings.auth.tokens.exists():
        found.append(f"auth.tokens: {settings.auth.tokens}: no such file or folder")
    return found


def _beside(value: object, folder: Path) -> object:
    """Take relative paths from where the file is."""
    match value:
        case Path():
            return folder / value
        case tuple():
            return tuple(_beside(one, folder) for one in cast("tuple[object, ...]", value))
        case dict():
            entries = cast("dict[str, object]", value).items()
            return {key: _beside(one, folder) for key, one in entries}
        case BaseModel():
            placed = {
                name: _beside(getattr(value, name), folder) for name in value.model_fields_set
            }
            return value.model_copy(update=placed)
        case _:
            return value
