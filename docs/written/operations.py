"""Writes reference/http-operations.md from the OpenAPI document of the service."""

import json
from collections.abc import Iterator, Mapping
from typing import cast

import msgspec

from docs.written.fields import kind, shape, tables
from docs.written.markdown import NOTICE, anchor, cell, code, header, row
from guardrails.policy.load import load_settings
from guardrails.sidecar.app import openapi_document
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.memory import MemoryRuns

PAGE = "http-operations.md"
Json = Mapping[str, object]

HEAD = """\
# HTTP operations

Every operation of the service with what it takes and answers, written from the document that `GET
/openapi.json` serves. How a run is guarded over HTTP, step by step, is told by [the HTTP
API](http-api.md); what each problem asks for, too.

"""


def page() -> str:
    """Return the page."""
    document = _document()
    parts = [f"## {heading}\n\n{text}" for heading, text in _operations(document)]
    index = "\n".join(f"- [{h}](#{anchor(h)})" for h, _ in _operations(document))
    components = cast("Json", document["components"])
    values = tables({k: shape(v) for k, v in cast("Json", components["schemas"]).items()})
    problems = f"A [Problem](#problem) as `application/problem+json`.\n\n{_problems(document)}"
    rest = f"\n## Problems\n\n{problems}\n## Values\n\n{values}"
    return f"{HEAD}{NOTICE}{index}\n\n" + "\n".join(parts) + rest


def _document() -> Json:
    """Return the document as a client gets it."""
    service = Service(
        store=MemoryRuns(),
        settings=lambda _policy, _model: load_settings(environ={}),
        gate=lambda _settings: None,
    )
    return cast("Json", msgspec.json.decode(msgspec.json.encode(openapi_document(service))))


def _operations(document: Json) -> Iterator[tuple[str, str]]:
    """Yield heading and text of each operation."""
    for path, methods in cast("Mapping[str, Json]", document["paths"]).items():
        shared = cast("list[Json]", methods.get("parameters", []))
        for method, one in methods.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                yield f"{method.upper()} {path}", _operation(cast("Json", one), shared)


def _operation(one: Json, shared: list[Json]) -> str:
    summary = str(one["summary"])
    ends = "" if summary.endswith("?") else "."
    about = [f"{summary}{ends}", str(one.get("description", ""))]
    lines = [" ".join(text for text in about if text), ""]
    parameters = [*shared, *cast("list[Json]", one.get("parameters", []))]
    if parameters:
        lines.append(header("parameter", "in", "type", "meaning"))
        lines += [
            row(
                code(str(p["name"])),
                str(p["in"]),
                kind(shape(p.get("schema", {}))),
                cell(str(p.get("description", ""))),
            )
            for p in parameters
        ]
        lines.append("")
    body = cast("Json", one.get("requestBody", {}))
    for media, content in cast("Mapping[str, Json]", body.get("content", {})).items():
        lines += [f"Takes {kind(shape(content['schema']))} as `{media}`.", ""]
        lines += _example(content)
    answers = cast("Mapping[str, Json]", one["responses"])
    good = [status for status in sorted(answers) if not _is_problem(answers[status])]
    lines.append(header("status", "answer", "meaning"))
    lines += [row(status, _answer(answers[status]), _said(answers[status])) for status in good]
    bad = [status for status in sorted(answers) if status not in good]
    if bad:
        lines += ["", f"[Problems](#problems): {', '.join(bad)}."]
    return "\n".join([*lines, ""])


def _problems(document: Json) -> str:
    """Return a table of what the statuses of problems mean, the same for every operation."""
    said: dict[str, str] = {}
    for methods in cast("Mapping[str, Json]", document["paths"]).values():
        for one in methods.values():
            if isinstance(one, dict):
                answers = cast("Mapping[str, Json]", cast("Json", one).get("responses", {}))
                said |= {s: _said(a) for s, a in answers.items() if _is_problem(a)}
    rows = [row(status, said[status]) for status in sorted(said)]
    return "\n".join([header("status", "meaning"), *rows, ""])


def _is_problem(answer: Json) -> bool:
    return "application/problem+json" in cast("Json", answer.get("content", {}))


def _example(content: Json) -> list[str]:
    found = content.get("example")
    for named in cast("Mapping[str, Json]", content.get("examples", {})).values():
        found = found or named.get("value")
    if not found:
        return []
    return ["```json", json.dumps(found, indent=2, ensure_ascii=False), "```", ""]


def _answer(answer: Json) -> str:
    contents = cast("Mapping[str, Json]", answer.get("content", {}))
    return " or ".join(
        f"{kind(shape(content.get('schema', {})))} ({code(media)})"
        for media, content in contents.items()
    )


def _said(answer: Json) -> str:
    headers = cast("Json", answer.get("headers", {}))
    more = f" Headers: {', '.join(code(name) for name in headers)}." if headers else ""
    return cell(str(answer.get("description", ""))) + more
