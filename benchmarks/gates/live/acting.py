"""Carries out the steps of a case: kubectl calls, HTTP calls, edits of rules and routes."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.gates.cases.load import fill
from benchmarks.gates.cases.model import Call, RuleEdit, Step
from e2e.lanes.monitoring import Document, LaneMonitoring

KUBECTL_TIMEOUT_SECONDS = 30.0


class StepError(Exception):
    """A step that failed; the case says nothing then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """The kubectl that fits the cluster, as its administrator."""

    program: Path
    kubeconfig: Path
    cache: Path

    async def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed.

        Raises:
            StepError: It failed.
        """
        code, out, err = await self.attempt(*arguments, stdin=stdin)
        if code != 0:
            raise StepError(f"`kubectl {shlex.join(arguments)}` exited with {code}: {err.strip()}")
        return out

    async def attempt(self, *arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
        """Run kubectl and return code, output and errors."""
        command = [
            str(self.program),
            f"--kubeconfig={self.kubeconfig}",
            f"--cache-dir={self.cache}",
            *arguments,
        ]
        try:
            done = await asyncio.to_thread(
                subprocess.run,
                command,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=KUBECTL_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise StepError(f"`kubectl {shlex.join(arguments)}` took too long") from late
        return done.returncode, done.stdout, done.stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Whoever works on a case: agent, accident or administrator."""

    kubectl: Kubectl
    monitoring: LaneMonitoring
    names: Mapping[str, str]

    async def do(self, steps: Iterable[Step]) -> None:
        """Carry out steps one after the other.

        Raises:
            StepError: One failed.
        """
        for step in steps:
            await self._do(fill(step, {**self.names, **_times()}))

    async def keep_doing(self, steps: tuple[Step, ...], *, every: float) -> None:
        """Repeat steps until cancelled; one that fails is tried again like the others."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.do(steps)
            except StepError:
                continue  # what it meddles with may be away for a moment

    async def prints(self, command: str) -> str:
        """Return what a kubectl call prints; nothing when it fails."""
        filled: str = fill(command, self.names)
        return (await self.kubectl.attempt(*shlex.split(filled)))[1].strip()

    async def _do(self, step: Step) -> None:
        if step.run is not None:
            await self.kubectl.run(*shlex.split(step.run), stdin=step.stdin)
        elif step.pause is not None:
            await asyncio.sleep(step.pause)
        else:
            try:
                await asyncio.to_thread(self._change_alerting, step)
            except Exception as error:
                raise StepError(f"{step}: {error}") from error

    def _change_alerting(self, step: Step) -> None:
        monitoring = self.monitoring
        match step:
            case Step(alertmanager=Call() as call):
                monitoring.request("alertmanager", call.path, method=call.method, body=call.body)
            case Step(rules=RuleEdit() as edit):
                monitoring.edit("rules", lambda document: edit_rules(document, edit))
            case Step(routing=dict() as fields):
                monitoring.edit("alerting", lambda document: document["route"].update(fields))
            case Step(restart=str() as server):
                monitoring.restart(server)
            case Step(stop=str() as server):
                monitoring.stop_one(server)
            case Step(load=str() as state):
                monitoring.set_load(state)
            case _:
                raise StepError(f"no action in {step}")


def edit_rules(document: Document, edit: RuleEdit) -> None:
    """Change a rule file.

    Raises:
        StepError: There is no rule of that name.
    """
    found = False
    for group in document["groups"]:
        rules: list[dict[str, Any]] = group["rules"]
        if not any(rule.get("alert") == edit.alert for rule in rules):
            continue
        found = True
        group.update(edit.group)
        if edit.delete:
            group["rules"] = [rule for rule in rules if rule.get("alert") != edit.alert]
            continue
        for rule in rules:
            if rule.get("alert") == edit.alert:
                rule.update(edit.set)
    if not found:
        raise StepError(f"no rule for the alert {edit.alert}")


def _times() -> dict[str, str]:
    now = datetime.now(UTC)
    moments = {"now": now, "past": now - timedelta(minutes=1), "later": now + timedelta(hours=2)}
    return {name: moment.strftime("%Y-%m-%dT%H:%M:%S.000Z") for name, moment in moments.items()}
