"""Where the service is and how to deal with it: one frozen value, from code or the environment."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Self

import httpx2

from guardrails.errors import UsageError

Unreachable = Literal["block_writes", "block_all"]
"""What becomes of tool calls while nobody can decide on them."""

ENV_URL: Final = "GUARDED_AGENT_URL"
ENV_TOKEN: Final = "GUARDED_AGENT_TOKEN"  # noqa: S105  # the name of a variable
ENV_TOKEN_FILE: Final = "GUARDED_AGENT_TOKEN_FILE"  # noqa: S105  # as above
ENV_CA_FILE: Final = "GUARDED_AGENT_CA_FILE"
ENV_POLICY: Final = "GUARDED_AGENT_POLICY"
ENV_SCOPE: Final = "GUARDED_AGENT_SCOPE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The service that decides.

    Raises:
        UsageError: The URL is not one of a service, or a value is out of its bounds.
    """

    url: str
    """`http://127.0.0.1:8787` beside the agent, or `https://guard.NAMESPACE.svc`."""
    token: str = ""
    """A bearer token; empty where the service wants none. Prefer `token_file`."""
    token_file: Path | None = None
    """A file that holds it, read again when it changes."""
    ca_file: Path | None = None
    """Certificates that the service's own is verified with; None for those of the system."""
    policy: str = ""
    """The name of a policy that the service has; empty for its usual one."""
    scope: str = ""
    """Put before the key of each run, where several agents share one service: LangGraph's thread
    ids are unique within one program only."""
    unreachable: Unreachable = "block_writes"
    """While the service is gone, `block_writes` lets calls run that only read, since an outage is
    when an agent must be able to look; `block_all` lets none run. Ends are never accepted."""
    patience: float = 5.0
    """Seconds that a fact waits for a service that does not answer; a restarted one is back in
    that time. It is waited for in the calling thread, an event loop's too, once per outage."""
    give_up_after: float = 300.0
    """Seconds that an end waits for a service that is gone. Then the run ends `unverifiable`."""

    def __post_init__(self) -> None:
        """Refuse what could not work later."""
        try:
            url = httpx2.URL(self.url)
        except httpx2.InvalidURL as error:
            raise UsageError(f"{self.url!r} is no URL of a service: {error}") from error
        if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query:
            raise UsageError(
                f"{self._shown!r} is no URL of a service: it is http://HOST:PORT or "
                f"https://HOST, without a user and a query; the token goes into token_file"
            )
        if self.patience < 0 or self.give_up_after < 0:
            raise UsageError("patience and give_up_after are seconds, and not below 0")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self | None:
        """Return what `GUARDED_AGENT_URL` and the variables beside it say; None without a URL.

        Args:
            environment: In place of the process's own.

        >>> Endpoint.from_environment({"GUARDED_AGENT_URL": "http://127.0.0.1:8787"}).policy
        ''
        """
        known = os.environ if environment is None else environment
        url = known.get(ENV_URL, "").strip()
        if not url:
            return None
        token_file, ca_file = known.get(ENV_TOKEN_FILE, ""), known.get(ENV_CA_FILE, "")
        return cls(
            url=url,
            token=known.get(ENV_TOKEN, "").strip(),
            token_file=Path(token_file) if token_file else None,
            ca_file=Path(ca_file) if ca_file else None,
            policy=known.get(ENV_POLICY, ""),
            scope=known.get(ENV_SCOPE, ""),
        )

    @classmethod
    def of(cls, url: str, *, token_file: Path | None = None, ca_file: Path | None = None) -> Self:
        """Return the service at a URL; what is left out is taken from the environment.

        Args:
            url: Of the service.
            token_file: As in the endpoint; a token of the environment counts without one.
            ca_file: As in the endpoint.
        """
        known = cls.from_environment({**os.environ, ENV_URL: url})
        assert known is not None  # it has a URL
        # The command line's policy may be a file for another command.
        known = replace(known, policy="")
        if token_file is not None:
            known = replace(known, token="", token_file=token_file)
        return known if ca_file is None else replace(known, ca_file=ca_file)

    def verification(self) -> ssl.SSLContext:
        """Return what the service's certificate is verified with.

        Raises:
            UsageError: The file holds no certificates.
        """
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise UsageError(
                f"{self.ca_file}: cannot be used to verify the service: {error.strerror or error}"
            ) from error

    @property
    def _shown(self) -> str:
        """The URL without what may be a password."""
        head, at, tail = self.url.rpartition("@")
        return f"{head.partition('//')[0]}//…@{tail}" if at else self.url

    def __repr__(self) -> str:
        """Show where it is, and no token."""
        return f"Endpoint(url={self._shown!r})"
