"""Build the control plane's binaries from the pinned Go modules, once per set of pins.

No container, no download page: `go build` fetches the modules that `e2e/go/*/go.sum` names and
nothing else. The result is cached by everything that decides it, so a second run starts at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.clusters.errors import ClusterUnavailableError

REPO_ROOT = Path(__file__).resolve().parents[2]
GO_MODULES = REPO_ROOT / "e2e" / "go"

KUBERNETES_VARIABLE = "E2E_KUBERNETES"
"""Which Kubernetes the process control plane is built from: `highest` (default) or `lowest`."""

CACHE_VARIABLE = "GUARDED_AGENT_CACHE"
"""Names the folder under which `e2e/<key>/bin` is kept; default `.cache` in the repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One program to build: the module folder it is pinned in and its main package."""

    name: str
    module: str
    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """A version of Kubernetes that the suite can be run on."""

    version: str
    """Reported by the built binaries. Must agree with the module's `go.mod`."""
    module: str
    """Folder of its pins in `e2e/go`."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Its programs, and those that go with every version."""
        own = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        return (
            Tool(name="etcd", module="kubernetes", package="go.etcd.io/etcd/server/v3"),
            *(
                Tool(name=name, module=self.module, package=f"k8s.io/kubernetes/cmd/{name}")
                for name in own
            ),
            Tool(name="kwok", module="kwok", package="sigs.k8s.io/kwok/cmd/kwok"),
        )


KUBERNETES = {
    "highest": Kubernetes(version="v1.36.3", module="kubernetes"),
    "lowest": Kubernetes(version="v1.30.14", module="kubernetes-lowest"),
}
"""The ends of what is supported (docs/reference/support.md), by what `E2E_KUBERNETES` says."""


def chosen_kubernetes() -> Kubernetes:
    """Return the version that the environment names.

    Raises:
        ClusterUnavailableError: It names none of `KUBERNETES`.
    """
    name = os.environ.get(KUBERNETES_VARIABLE, "highest")
    if name not in KUBERNETES:
        raise ClusterUnavailableError(
            f"{KUBERNETES_VARIABLE}={name!r} is no version; there are {' and '.join(KUBERNETES)}"
        )
    return KUBERNETES[name]


CHART_TOOLS = (
    Tool(name="helm", module="helm", package="helm.sh/helm/v4/cmd/helm"),
    Tool(
        name="kubeconform",
        module="kubeconform",
        package="github.com/yannh/kubeconform/cmd/kubeconform",
    ),
)
"""What renders and validates the chart. Kept apart: a new Helm builds no Kubernetes anew."""

OBJECT_TOOLS = (
    Tool(
        name="gofakes3",
        module="objects",
        package="github.com/johannesboyne/gofakes3/cmd/gofakes3",
    ),
)
"""An S3 server, for the tests of data sets in object storage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """The folder that holds every program that was asked for."""

    directory: Path

    def path(self, name: str) -> Path:
        """Return the program called `name`."""
        return self.directory / name


def build(tools: Sequence[Tool] | None = None, *, cache: Path | None = None) -> Binaries:
    """Return the binaries, building them first when the cache has none for these pins.

    Args:
        tools: The programs; those of the control plane that the environment names by default.
        cache: Folder of the cache; default `$GUARDED_AGENT_CACHE`, else `.cache` in the repository.

    Raises:
        ClusterUnavailableError: Go is missing, or a build failed.
    """
    tools = chosen_kubernetes().tools if tools is None else tools
    root = (cache or cache_directory()) / "e2e"
    key = _cache_key(tools)
    target = root / key / "bin"
    if target.is_dir():
        return Binaries(directory=target)
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{key}.lock"):
        if not target.is_dir():
            _build_into(root / key, tools, scratch=root / f"{key}.partial")
    return Binaries(directory=target)


def cache_directory() -> Path:
    """Return the folder that everything built or fetched for the suite goes to."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser().resolve() if named else REPO_ROOT / ".cache"


def module_folder(module: str, path: str) -> Path:
    """Return the unpacked source of a module that `e2e/go/<module>` pins, for the files in it.

    Raises:
        ClusterUnavailableError: Go is missing, or the module cannot be fetched.
    """
    done = subprocess.run(
        [_go(), "mod", "download", "-json", path],
        cwd=GO_MODULES / module,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterUnavailableError(
            f"`go mod download {path}` failed in {GO_MODULES / module}: "
            f"{done.stderr.strip() or done.stdout.strip()}"
        )
    return Path(json.loads(done.stdout)["Dir"])


def _build_into(target: Path, tools: Sequence[Tool], *, scratch: Path) -> None:
    """Build every tool beside `target` and move the whole in place, so it is there or not."""
    shutil.rmtree(scratch, ignore_errors=True)  # what an interrupted build left
    binaries = scratch / "bin"
    binaries.mkdir(parents=True)
    _say(f"building {len(tools)} programs into {target} (minutes when Go's own cache is cold)")
    began = time.monotonic()
    for number, tool in enumerate(tools, start=1):
        _say(f"[{number}/{len(tools)}] {tool.name} from {tool.package}")
        _go_build(tool, output=binaries / tool.name)
    scratch.rename(target)
    _say(f"built in {time.monotonic() - began:.0f} s")


def _go_build(tool: Tool, *, output: Path) -> None:
    command = [_go(), "build", *_build_flags(tool), "-o", str(output), tool.package]
    done = subprocess.run(  # noqa: PLW1510  # the return code is turned into our own error
        command,
        cwd=GO_MODULES / tool.module,
        env={**os.environ, "CGO_ENABLED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise ClusterUnavailableError(
            f"`go build {tool.package}` failed in {GO_MODULES / tool.module} "
            f"(exit code {done.returncode}). Its last lines:\n{tail}"
        )


def _build_flags(tool: Tool) -> list[str]:
    """Return the flags: pins are read and never moved, and the version is one clients can parse.

    Without the version variables kubectl and `/version` report `v0.0.0-master+$Format`.
    """
    package = "k8s.io/component-base/version"
    variables: list[str] = []
    for version in (one.version for one in KUBERNETES.values() if one.module == tool.module):
        major, minor = version.removeprefix("v").split(".")[:2]
        variables = [
            f"-X {package}.gitVersion={version}",
            f"-X {package}.gitMajor={major}",
            f"-X {package}.gitMinor={minor}",
        ]
    return ["-mod=readonly", "-trimpath", "-ldflags", " ".join(["-s", "-w", *variables])]


def _cache_key(tools: Sequence[Tool]) -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        for module in sorted({tool.module for tool in tools}):
            digest.update((GO_MODULES / module / name).read_bytes())
    digest.update(repr([(tool, _build_flags(tool)) for tool in tools]).encode())
    version = subprocess.run([_go(), "version"], capture_output=True, text=True, check=True)
    digest.update(version.stdout.encode())
    return digest.hexdigest()[:16]


def _go() -> str:
    found = shutil.which("go")
    if found is None:
        raise ClusterUnavailableError(
            "`go` is not on PATH; the process control plane is built from Go modules. "
            "Install Go 1.26 or newer, or choose another cluster with E2E_PROVIDER=kind."
        )
    return found


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Let one build at a time into a cache entry: two would each take all cores for minutes."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    sys.stderr.write(f"e2e build: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    for chosen in (None, CHART_TOOLS, OBJECT_TOOLS):
        sys.stdout.write(f"{build(chosen).directory}\n")
