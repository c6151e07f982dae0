"""Kubernetes tokens: the cluster says whose one is, the settings say what they may do here.

An answer is believed for a short while. When the API server does not answer nobody is let in who
was not before, and the caller is told to ask again rather than that the token is wrong.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from guardrails.gates.kubernetes.reviews import TokenOwner
from guardrails.sidecar.auth.roles import Caller, Role
from guardrails.sidecar.auth.tokens import AskLaterError
from guardrails.sidecar.config import AccountRole, AuthSettings

REMEMBERED: Final = 4_096
"""Tokens whose answer is remembered; the one that was asked for longest ago goes first."""
AT_ONCE: Final = 8
"""Reviews at the same time: whoever tries tokens must not wear the API server down."""
LONGEST: Final = 16 * 1024
"""Characters of the longest token that is asked about. Those of Kubernetes have about 1,200."""
_ACCOUNT: Final = "system:serviceaccount:"


class Reviewer(Protocol):
    """The part of a cluster reader that is needed here."""

    async def owner_of(self, token: str, *, audiences: Sequence[str] = ()) -> TokenOwner:
        """Ask whose a token is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    until: float
    caller: Caller | None
    stranger: str = ""
    """Who it is, where the cluster knows them and the settings do not."""


class TokenReviews:
    """Asks the cluster. An `Authenticator`.

    Args:
        reviewer: The cluster.
        settings: Audiences, roles and times.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        reviewer: Reviewer,
        settings: AuthSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviewer = reviewer
        self._settings = settings
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Remembered]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def caller(self, token: str) -> Caller | None:
        """Return whose a token is; None when nobody's.

        Raises:
            AskLaterError: The cluster does not answer.
            PermissionError: The settings give them no role.
        """
        if len(token) > LONGEST:
            return None
        digest = hashlib.blake2b(token.encode(errors="replace"), key=self._key).digest()
        found = self._known.get(digest)
        if found is None or found.until <= self._clock():
            found = await self._asked(digest, token)
        if found.stranger:
            raise PermissionError(
                f"{found.stranger} has no role here; add them to auth.accounts of the service"
            )
        return found.caller

    async def _asked(self, digest: bytes, token: str) -> _Remembered:
        """Ask once for all requests that came with a token meanwhile."""
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.create_task(self._ask(digest, token))
            task.add_done_callback(lambda done: self._answered(digest, done))
        return await asyncio.shield(task)

    def _answered(self, digest: bytes, done: asyncio.Task[_Remembered]) -> None:
        del self._asking[digest]
        if not done.cancelled():
            done.exception()  # whoever waited has it; when all of them left, nobody needs it

    async def _ask(self, digest: bytes, token: str) -> _Remembered:
        try:
            async with asyncio.timeout(self._settings.timeout), self._slots:
                owner = await self._reviewer.owner_of(token, audiences=self._settings.audiences)
        except TimeoutError:
            raise AskLaterError("TokenReview: no answer in time") from None
        if not owner.read.ok:
            raise AskLaterError(f"TokenReview: {owner.read.message}")
        caller = caller_of(owner, self._settings.accounts) if owner.known else None
        seconds = self._settings.cache_for if caller is not None else self._settings.deny_for
        stranger = owner.user if owner.known and caller is None else ""
        found = _Remembered(until=self._clock() + seconds, caller=caller, stranger=stranger)
        self._known[digest] = found
        self._known.move_to_end(digest)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found


def caller_of(owner: TokenOwner, accounts: Sequence[AccountRole]) -> Caller | None:
    """Return who somebody is to us, by the first entry that fits; None when none does."""
    role = next((entry.role for entry in accounts if _fits(owner, entry)), None)
    return None if role is None else Caller(name=owner.user, role=Role(role))


def _fits(owner: TokenOwner, entry: AccountRole) -> bool:
    if entry.account is not None:
        if not owner.user.startswith(_ACCOUNT):
            return False
        namespace, _, name = owner.user.removeprefix(_ACCOUNT).partition(":")
        wanted_namespace, _, wanted = entry.account.partition("/")
        return namespace == wanted_namespace and wanted in {"*", name}
    if entry.user is not None:
        return owner.user == entry.user
    return entry.group in owner.groups
