"""The policies of the service: the usual one, and those of a folder by name.

A caller chooses among what the operator has put there. What a file says is read again when it has
changed; a run goes on with the settings that it began with.
"""

import re
from collections import OrderedDict
from pathlib import Path
from typing import Final

from guardrails.errors import PolicyError
from guardrails.policy.load import load_settings
from guardrails.policy.models import Settings
from guardrails.policy.problems import did_you_mean
from guardrails.sidecar.config import PolicySettings

ENDINGS: Final = (".yaml", ".yml", ".json")
REMEMBERED: Final = 256
"""Settings that are remembered, by policy and model. Reading a file takes some 10 ms."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_Key = tuple[str, str, int]


class Policies:
    """Chooses what a run is decided by.

    Args:
        settings: Where the files are.

    Raises:
        PolicyError: One of them is wrong, or two have one name.
    """

    def __init__(self, settings: PolicySettings) -> None:
        self._usual = settings.file
        self._folder = settings.directory
        self._known: OrderedDict[_Key, Settings] = OrderedDict()
        for name in ("", *self.names()):
            self.choose(name, "")

    def names(self) -> tuple[str, ...]:
        """Return the names that a session may give.

        Raises:
            PolicyError: Two files have one name, or the folder cannot be listed.
        """
        return tuple(self._files())

    def choose(self, name: str, model: str) -> Settings:
        """Return settings.

        Args:
            name: Of a policy; empty for the usual one.
            model: `provider:name`; chooses the profile.

        Raises:
            PolicyError: There is no such policy, or its file is wrong.
        """
        file = self._usual if not name else self._named(name)
        try:
            changed = 0 if file is None else file.stat().st_mtime_ns
        except OSError as error:
            raise PolicyError(f"{file}: cannot read the policy: {error.strerror}") from error
        key = (name, model, changed)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = load_settings(file=file, model=model)
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _named(self, name: str) -> Path:
        files = self._files()
        if name not in files:
            raise PolicyError(f"no policy {name!r} here; {did_you_mean(name, files)}")
        return files[name]

    def _files(self) -> dict[str, Path]:
        if self._folder is None:
            return {}
        found: dict[str, Path] = {}
        try:
            listed = sorted(self._folder.iterdir())
        except OSError as error:
            raise PolicyError(f"{self._folder}: cannot list policies: {error.strerror}") from error
        for path in listed:
            if path.suffix not in ENDINGS or not _NAME.fullmatch(path.stem):
                continue  # such as the links by which Kubernetes mounts a ConfigMap
            if path.stem in found:
                raise PolicyError(f"{self._folder}: two files are called {path.stem!r}; rename one")
            found[path.stem] = path
        return found
