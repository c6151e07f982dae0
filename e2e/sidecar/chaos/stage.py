"""What tests of chaos share: one world, one nursery, a model, and the stores."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.sidecar.chaos.checks import Found, found_in
from e2e.sidecar.chaos.models import Model, model
from e2e.sidecar.chaos.serving import Death, Nursery, Serving, served
from e2e.sidecar.chaos.world import World, world
from e2e.sidecar.databases import PostgresServer, RedisServer, postgres_server, redis_server


@dataclass(slots=True)
class Stage:
    """Everything together; databases are started when they are asked for."""

    world: World
    nursery: Nursery
    model: Model
    stack: contextlib.ExitStack
    redis: RedisServer | None = None
    postgres: PostgresServer | None = None

    def store(self, kind: str) -> str:
        """Return the URL of an empty store."""
        name = uuid.uuid4().hex[:12]
        match kind:
            case "memory":
                return "memory:"
            case "sqlite":
                return f"sqlite://{self.world.folder}/{name}.db"
            case "redis":
                return f"{self.database('redis').url}?prefix=c-{name}"
            case _:
                return f"{self.database('postgresql').url}?schema=c_{name}"

    def database(self, kind: str) -> RedisServer | PostgresServer:
        """Return the server of a store."""
        if kind == "redis":
            self.redis = self.redis or self.stack.enter_context(redis_server())
            return self.redis
        self.postgres = self.postgres or self.stack.enter_context(postgres_server())
        return self.postgres

    def served(
        self,
        store: str,
        *,
        deaths: Sequence[Death] = (),
        model: str = "",
        options: Sequence[str] = (),
    ) -> contextlib.AbstractContextManager[Serving]:
        """Run a service over a world that is broken; see `e2e.sidecar.chaos.serving.served`."""
        self.world.break_it()
        return served(self.nursery, self.world, store, deaths=deaths, model=model, options=options)


@contextlib.contextmanager
def stage(folder: Path) -> Generator[Stage]:
    """Put a stage up, and take it down."""
    with contextlib.ExitStack() as stack:
        nursery = Nursery()
        stack.callback(nursery.close)
        here = stack.enter_context(world(folder))
        yield Stage(here, nursery, stack.enter_context(model()), stack)


def proven(url: str, run: str) -> Found:
    """Read a run, and hold it to what must be true of every run that was accepted."""
    found = found_in(url, run)
    assert found.unproven == 0, found
    assert found.lost == 0, found
    assert found.doubled == 0, found
    assert found.accepted == 1, found
    assert found.ended, found
    return found
