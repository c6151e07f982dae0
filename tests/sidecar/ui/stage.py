"""An application with pages in this process: the real door, and tokens for each role."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx2
from starlette.applications import Starlette
from starlette.middleware import Middleware

from guardrails.core.evidence import GateVerdict
from guardrails.gates.base import Gate
from guardrails.reports.served import served_pages
from guardrails.sidecar.api.health import HealthApi
from guardrails.sidecar.app import make_app
from guardrails.sidecar.auth.browsers import SignIns
from guardrails.sidecar.auth.middleware import Authentication
from guardrails.sidecar.auth.owned import OwnedRuns
from guardrails.sidecar.auth.tokens import TokenFiles
from guardrails.sidecar.config import LimitSettings, UiSettings
from guardrails.sidecar.limits.middleware import Limits
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.sidecar.ui.routes import Ui
from tests.sidecar.api.apps import make_service

TOKENS = {role: f"{role}-0123456789abcdef" for role in ("agent", "viewer", "operator")}
BASE = "http://localhost"
OURS = {"sec-fetch-site": "same-origin"}


class Stage:
    """A service, its pages, and what tests turn.

    Args:
        folder: Where tokens go.
        verdicts: Of the gate.
        gate: Another gate.
        store: Where runs are.
        authenticated: Whether callers are asked who they are.
        ui: Settings of the pages.
        limits: What one caller may take.
    """

    def __init__(
        self,
        folder: Path,
        *verdicts: GateVerdict,
        gate: Gate | None = None,
        store: RunStore | None = None,
        authenticated: bool = True,
        ui: UiSettings | None = None,
        limits: LimitSettings | None = None,
    ) -> None:
        self.tokens = folder / "tokens"
        self.now = 0.0
        self.write_tokens(*TOKENS)
        runs = OwnedRuns(store or MemoryRuns())
        self.service: Service = make_service(*verdicts, gate=gate, store=runs)
        self.authenticator = (
            TokenFiles(self.tokens, clock=lambda: self.now) if authenticated else None
        )
        settings = ui or UiSettings()
        self.sign_ins = SignIns(seconds=settings.signed_in_for, clock=lambda: self.now)
        self.health = HealthApi(())
        self.ui = Ui(
            self.service,
            served_pages(),
            settings,
            authenticator=self.authenticator,
            sign_ins=self.sign_ins,
            stopping=self.health.stopping,
        )
        self.app: Starlette = make_app(
            self.service,
            auth=Middleware(
                Authentication,
                authenticator=self.authenticator,
                owners=runs,
                sign_ins=self.sign_ins,
            ),
            limits=Middleware(Limits, settings=limits or LimitSettings()),
            extra_routes=self.ui.routes(),
            health=self.health,
        )

    def write_tokens(self, *roles: str) -> None:
        """Let these roles in, and nobody else."""
        lines = [f"{role}-name:{role}:{TOKENS[role]}" for role in roles]
        self.tokens.write_text("\n".join(lines) + "\n")
        self.tokens.chmod(0o600)

    def browser(self, *, base: str = BASE) -> httpx2.AsyncClient:
        """Return what keeps cookies, and follows nothing by itself."""
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=base)

    def api(self, role: str = "agent") -> httpx2.AsyncClient:
        """Return a client with a token."""
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app),
            base_url=BASE,
            headers={"authorization": f"Bearer {TOKENS[role]}"},
        )

    @asynccontextmanager
    async def signed_in(self, role: str) -> AsyncGenerator[httpx2.AsyncClient]:
        """Give a browser in which somebody has signed in."""
        async with self.browser() as found:
            answer = await post(found, "/ui/sign-in", token=TOKENS[role])
            assert answer.status_code == 303, answer.text
            yield found


async def post(
    client: httpx2.AsyncClient,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx2.Response:
    """Send a form, as a page of ours does."""
    return await client.post(
        path,
        content=urlencode(fields),
        headers={
            "content-type": "application/x-www-form-urlencoded",
            **(OURS if headers is None else headers),
        },
    )


def cookies(answer: httpx2.Response) -> Sequence[str]:
    """Return the cookies that an answer sets, as they are written."""
    return answer.headers.get_list("set-cookie")
