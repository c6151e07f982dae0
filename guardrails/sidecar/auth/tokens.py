"""Bearer tokens from a file, or from a folder of files as Kubernetes mounts a Secret.

Each line is `name:role:token`. The files are looked at again when they change, so a token is
replaced without a restart: add the new line, move the clients, take the old line away. In memory
there are digests only.
"""

import hashlib
import hmac
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

from guardrails.errors import UsageError
from guardrails.sidecar.auth.roles import Caller, Role

LOOK_AGAIN_SECONDS: Final = 1.0
"""How often files are asked whether they changed: so late a token is known, or refused."""
SHORTEST: Final = 16
"""Characters of the shortest token. 16 of base64 are 96 bits, which nobody guesses over HTTP."""
MOST_BYTES: Final = 1024 * 1024
_PARTS: Final = 3


class TokensError(UsageError):
    """A file of tokens cannot be used; the message names file and line, and never the token."""


class AskLaterError(Exception):
    """Whose a token is cannot be found out now."""


class Authenticator(Protocol):
    """Finds out whose a token is."""

    async def caller(self, token: str) -> Caller | None:
        """Return whose a token is; None when nobody's.

        Raises:
            AskLaterError: That cannot be told now.
            PermissionError: It is somebody's, who has no role here.
        """
        ...


class TokenFiles:
    """Knows the tokens of a file or folder. An `Authenticator`.

    A file that has become unreadable leaves the tokens as they were, so that a slip in a file locks
    nobody out in the middle of an incident; `trouble` says so, and `/readyz` with it.

    Args:
        path: The file, or the folder.
        on_trouble: Told of each change that could not be read.
        clock: Seconds that never go back.

    Raises:
        TokensError: They cannot be read now, or are wrong.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_trouble: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._clock = clock
        self._on_trouble = on_trouble
        self._key = secrets.token_bytes(32)
        """Digests are keyed anew in each process, so that none of them is of use elsewhere."""
        self._signature: tuple[object, ...] = _signature(path)
        self._callers = self._read()
        self._looked = clock()
        self.trouble = ""
        """Why the files are not read as they are now; empty when they are."""

    async def caller(self, token: str) -> Caller | None:
        """Return whose a token is; None when nobody's."""
        self._look_again()
        digest = self._digest(token)
        found = self._callers.get(digest)
        if found is None:
            return None
        known, caller = found
        return caller if hmac.compare_digest(known, digest) else None

    def warnings(self) -> tuple[str, ...]:
        """Name files that other users of the machine may read."""
        return tuple(
            f"{file}: every user of this machine may read the tokens in it; chmod o-r {file}"
            for file in _files(self._path)
            if stat.S_IMODE(file.stat().st_mode) & stat.S_IROTH
        )

    def __len__(self) -> int:
        """Return how many tokens are good."""
        return len(self._callers)

    def _look_again(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_AGAIN_SECONDS:
            return
        self._looked = now
        try:
            signature = _signature(self._path)
            if signature == self._signature and not self.trouble:
                return
            self._callers = self._read()
            self._signature, self.trouble = signature, ""
        except TokensError as error:
            if str(error) != self.trouble:
                self.trouble = str(error)
                self._on_trouble(self.trouble)

    def _digest(self, token: str) -> bytes:
        data = token.encode("utf-8", errors="surrogateescape")
        return hashlib.blake2b(data, key=self._key, digest_size=32).digest()

    def _read(self) -> Mapping[bytes, tuple[bytes, Caller]]:
        found: dict[bytes, tuple[bytes, Caller]] = {}
        for where, name, role, token in _lines(self._path):
            digest, caller = self._digest(token), Caller(name=name, role=role)
            other = found.get(digest)
            if other is not None and other[1] != caller:
                raise TokensError(f"{where}: the token is {other[1].name}'s already; make another")
            found[digest] = (digest, caller)
        if not found:
            raise TokensError(
                f"{self._path}: no token in it; write a line name:role:token, such as one made by "
                f"`openssl rand -hex 32`"
            )
        _refuse_two_roles(self._path, [caller for _, caller in found.values()])
        return found


def _refuse_two_roles(path: Path, callers: list[Caller]) -> None:
    roles: dict[str, Role] = {}
    for caller in callers:
        if roles.setdefault(caller.name, caller.role) is not caller.role:
            raise TokensError(
                f"{path}: {caller.name!r} has two roles; give each role a name of its own"
            )


def _lines(path: Path) -> Iterator[tuple[str, str, Role, str]]:
    for file in _files(path):
        for number, text in enumerate(_text(file).splitlines(), start=1):
            line = text.strip()
            if line and not line.startswith("#"):
                where = f"{file}:{number}"
                yield where, *_parsed(line, where)


def _parsed(line: str, where: str) -> tuple[str, Role, str]:
    parts = [part.strip() for part in line.split(":", maxsplit=_PARTS - 1)]
    if len(parts) != _PARTS or not all(parts):
        raise TokensError(f"{where}: write name:role:token")
    name, role, token = parts
    if role not in set(Role):
        raise TokensError(f"{where}: no role {role!r}; there are {', '.join(Role)}")
    if len(token) < SHORTEST:
        raise TokensError(f"{where}: the token of {name!r} is shorter than {SHORTEST} characters")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TokensError(f"{where}: the token of {name!r} cannot be sent in a header")
    return name, Role(role), token


def _files(path: Path) -> list[Path]:
    """Return the files; in a folder those that Kubernetes shows, and not its hidden ones."""
    try:
        if not path.is_dir():
            return [path]
        return sorted(
            one for one in path.iterdir() if not one.name.startswith(".") and one.is_file()
        )
    except OSError as error:
        raise TokensError(f"{path}: cannot list the tokens: {error.strerror}") from error


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise TokensError(f"{file}: cannot read the tokens: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise TokensError(
            f"{file}: longer than {MOST_BYTES // 1024} KiB; that is no file of tokens"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TokensError(f"{file}: not UTF-8 text") from error


def _signature(path: Path) -> tuple[object, ...]:
    """Return what tells whether the files are those of before.

    A mounted Secret changes by a new folder behind a link, a file by its time, size or inode.
    """
    found: list[object] = []
    for file in _files(path):
        try:
            seen = file.stat()
        except OSError as error:
            raise TokensError(f"{file}: cannot read the tokens: {error.strerror}") from error
        found.append((file.name, seen.st_ino, seen.st_mtime_ns, seen.st_size))
    return tuple(found)
