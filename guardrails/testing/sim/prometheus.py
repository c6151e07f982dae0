"""The simulated Prometheus: scrapes its targets, evaluates its rules, tells Alertmanager."""

import threading
from collections.abc import Callable

from guardrails.core.clock import Clock
from guardrails.testing.sim.kinds import Obj
from guardrails.testing.sim.promql_values import PromqlError
from guardrails.testing.sim.rules import AlertRule, LoadedRule
from guardrails.testing.sim.scraping import Target
from guardrails.testing.sim.stamps import to_text
from guardrails.testing.sim.tsdb import RETENTION, Labels, Tsdb, labels_of

SCRAPE_SECONDS = 0.25
"""Between scrapes: a demo's rules have ranges of some three seconds and need several samples."""
_HOUSEKEEPING = 60.0


class Prometheus:
    """One Prometheus server. Hold `lock` while reading it from another thread."""

    def __init__(self, clock: Clock, *, send: Callable[[list[Obj]], None]) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.tsdb = Tsdb()
        self.targets: list[Target] = []
        self.groups: dict[str, dict[str, LoadedRule]] = {}
        self.started_at = clock.now().timestamp()
        self.running = True
        self.scraped_at: dict[str, float] = {}
        self._send = send
        self._due: dict[str, float] = {}
        self._scrape_due = 0.0
        self._clean_due = 0.0
        self._seen: dict[str, set[Labels]] = {}

    # Rules

    def load(self, rule: AlertRule) -> None:
        """Load a rule; one of the same name in its group is replaced.

        Raises:
            ValueError: If the expression is no PromQL.
        """
        try:
            loaded = LoadedRule(rule)
        except PromqlError as error:
            raise ValueError(f"rule {rule.name!r}: {error}") from error
        with self.lock:
            self._expire(self.groups.get(rule.group, {}).get(rule.name))
            self.groups.setdefault(rule.group, {})[rule.name] = loaded

    def unload(self, name: str) -> None:
        """Unload every rule of this name; its alerts are gone at once."""
        with self.lock:
            for rules in self.groups.values():
                self._expire(rules.pop(name, None))
            self.groups = {group: rules for group, rules in self.groups.items() if rules}

    def _expire(self, loaded: LoadedRule | None) -> None:
        if loaded is not None:
            loaded.alerts.clear()
            loaded.clear_series(self.tsdb, self.clock.now().timestamp())

    def interval(self, group: str) -> float:
        """A group's evaluation interval in seconds."""
        return min(one.rule.interval_seconds for one in self.groups[group].values())

    # Life

    def halt(self) -> None:
        """Stop scraping and evaluating; the alerts' state is lost, the samples are not."""
        with self.lock:
            self.running = False
            for group, rules in self.groups.items():
                self.groups[group] = {name: LoadedRule(one.rule) for name, one in rules.items()}

    def resume(self) -> None:
        """Start again, as a new process on the old data."""
        with self.lock:
            self.running = True
            self.started_at = self.clock.now().timestamp()
            self._scrape_due = 0.0
            self._due.clear()

    def step(self, now: float) -> None:
        """Scrape and evaluate what is due at `now` (monotonic seconds)."""
        with self.lock:
            if not self.running:
                return
            at = self.clock.now().timestamp()
            if now >= self._scrape_due:
                self._scrape_due = now + SCRAPE_SECONDS
                for target in self.targets:
                    self._scrape(target, at)
            for group in tuple(self.groups):
                if now >= self._due.get(group, 0.0):
                    self._due[group] = now + self.interval(group)
                    self._evaluate(group, at)
            if now >= self._clean_due:
                self._clean_due = now + _HOUSEKEEPING
                self.tsdb.forget(at - RETENTION)

    def _scrape(self, target: Target, at: float) -> None:
        seen: set[Labels] = set()
        if target.up:
            for labels, value in target.collect():
                self.tsdb.append(labels, at, value)
                seen.add(labels)
        for gone in self._seen.get(target.job, set[Labels]()) - seen:
            self.tsdb.append(gone, at, None)
        self._seen[target.job] = seen
        self.scraped_at[target.job] = at
        where = [("job", target.job), ("instance", f"{target.job}:8080")]
        self.tsdb.append(labels_of("up", where), at, float(target.up))

    def _evaluate(self, group: str, at: float) -> None:
        for loaded in self.groups[group].values():
            loaded.evaluate(self.tsdb, at)
            alerts = loaded.to_send(at, stamp=to_text)
            if alerts:
                self._send(alerts)
