"""Alertmanager's API v2 over the simulated server."""

from http import HTTPStatus

import msgspec

from guardrails.testing.sim.alertmanager import (
    Alertmanager,
    AlertmanagerError,
    parse_matcher,
)
from guardrails.testing.sim.faults import Facts, Faults
from guardrails.testing.sim.http import Request, Response, json_response, text_response
from guardrails.testing.sim.kinds import Obj
from guardrails.testing.sim.stamps import to_text


class _PostedAlert(msgspec.Struct):
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str | None = None  # noqa: N815  # the API's name
    endsAt: str | None = None  # noqa: N815  # the API's name
    generatorURL: str = ""  # noqa: N815  # the API's name


class _PostedMatcher(msgspec.Struct):
    name: str
    value: str
    isRegex: bool  # noqa: N815  # the API's name
    isEqual: bool = True  # noqa: N815  # the API's name


class _PostedSilence(msgspec.Struct):
    matchers: list[_PostedMatcher]
    startsAt: str  # noqa: N815  # the API's name
    endsAt: str  # noqa: N815  # the API's name
    createdBy: str  # noqa: N815  # the API's name
    comment: str
    id: str | None = None


class AlertmanagerApi:
    """Answers requests of Alertmanager's API."""

    def __init__(self, alertmanager: Alertmanager, *, faults: Faults) -> None:
        self._alertmanager = alertmanager
        self._faults = faults

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        facts = Facts(server="alertmanager", verb=request.method.lower(), path=request.path)

        async def answer() -> Response:
            try:
                with self._alertmanager.lock:
                    return self._answer(request)
            except AlertmanagerError as error:
                return json_response(str(error), status=HTTPStatus.BAD_REQUEST)
            except (msgspec.DecodeError, ValueError) as error:
                body = {"code": 400, "message": f"parsing body failed: {error}"}
                return json_response(body, status=HTTPStatus.BAD_REQUEST)

        return await self._faults.serve(facts, answer)

    def _answer(self, request: Request) -> Response:
        if request.path in ("/-/ready", "/-/healthy"):
            return text_response("OK")
        parts = request.path.removeprefix("/api/v2/").split("/")
        match request.method, parts:
            case "GET", ["alerts"]:
                return json_response(self._alerts(request))
            case "POST", ["alerts"]:
                posted = msgspec.json.decode(request.body, type=list[_PostedAlert])
                self._alertmanager.receive(msgspec.to_builtins(posted))
                return Response()
            case "GET", ["alerts", "groups"]:
                return json_response(self._groups(request))
            case "GET", ["silences"]:
                return json_response(self._silences(request))
            case "POST", ["silences"]:
                asked = msgspec.json.decode(request.body, type=_PostedSilence)
                name = self._alertmanager.silence(msgspec.to_builtins(asked))
                return json_response({"silenceID": name})
            case (("GET" | "DELETE"), ["silence", name]):
                return self._silence(request.method, name)
            case "GET", ["status"]:
                return json_response(self._status())
            case "GET", ["receivers"]:
                return json_response([{"name": self._alertmanager.receiver()}])
            case _:
                body = {"code": 404, "message": f"path {request.path} was not found"}
                return json_response(body, status=HTTPStatus.NOT_FOUND)

    def _alerts(self, request: Request) -> list[Obj]:
        matchers = [parse_matcher(text) for text in request.query.get("filter", ())]
        hidden = {
            name
            for name in ("active", "silenced", "inhibited", "unprocessed")
            if request.param(name, "true").lower() == "false"
        }
        found: list[Obj] = []
        for alert in self._alertmanager.alerts():
            status = alert["status"]
            if (
                ("active" in hidden and status["state"] == "active")
                or ("silenced" in hidden and status["silencedBy"])
                or ("inhibited" in hidden and status["inhibitedBy"])
                or not all(one.matches(alert["labels"]) for one in matchers)
            ):
                continue
            found.append(alert)
        return found

    def _groups(self, request: Request) -> list[Obj]:
        names = self._alertmanager.group_by()
        groups: dict[tuple[tuple[str, str], ...], list[Obj]] = {}
        for alert in self._alerts(request):
            labels: dict[str, str] = alert["labels"]
            every = names == ["..."]
            key = tuple((k, v) for k, v in sorted(labels.items()) if every or k in names)
            groups.setdefault(key, []).append(alert)
        receiver = {"name": self._alertmanager.receiver()}
        return [
            {"labels": dict(key), "receiver": receiver, "alerts": alerts}
            for key, alerts in groups.items()
        ]

    def _silences(self, request: Request) -> list[Obj]:
        matchers = [parse_matcher(text) for text in request.query.get("filter", ())]
        found: list[Obj] = []
        for one in self._alertmanager.silences.values():
            values = {item["name"]: item["value"] for item in one.matchers}
            if all(matcher.matches(values) for matcher in matchers):
                found.append(self._alertmanager.show_silence(one))
        return found

    def _silence(self, method: str, name: str) -> Response:
        known = self._alertmanager.silences.get(name)
        if known is None:
            return json_response(f"silence {name} not found", status=HTTPStatus.NOT_FOUND)
        if method == "GET":
            return json_response(self._alertmanager.show_silence(known))
        self._alertmanager.expire(name)
        return Response()

    def _status(self) -> Obj:
        return {
            "cluster": {"status": "disabled", "peers": []},
            "config": {"original": self._alertmanager.config},
            "uptime": to_text(self._alertmanager.started_at),
            "versionInfo": {
                "version": "0.28.0+sim",
                "revision": "",
                "branch": "",
                "buildUser": "",
                "buildDate": "",
                "goVersion": "go1.26",
            },
        }
