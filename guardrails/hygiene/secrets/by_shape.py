"""Secrets that give themselves away by their shape: prefixed tokens, JWTs, PEM blocks.

A row's sign is looked for first, together with those of all others: see `screen`. Every pattern
starts with a letter, not with a class or an assertion: then the search for it takes 0.12 ms in
400 kB of text that does not hold it, which is half of what `str.find` takes.
Lengths and alphabets are those that the issuers document, with room for longer ones.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from guardrails.hygiene.secrets.screen import ESCAPED, screen
from guardrails.hygiene.secrets.spans import MARK, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One row of the table."""

    kind: str
    pattern: re.Pattern[str]
    """The secret is group 1 where there is one, else the whole match."""
    why: str
    """Who issues it, or which document gives the form."""
    sign: str
    """If this is not found, neither is the pattern; in Rust's syntax."""
    back: int = 0
    """Characters before the match that belong to the secret; a lookbehind has seen them."""
    bounded: bool = True
    """Whether a match right behind a letter, a digit or `_` is part of another word."""
    holds: Callable[[str], bool] | None = None
    """What no regular expression can tell."""


def _is_mixed(value: str) -> bool:
    """Random letters of 20 or more hold a digit and a capital; words with dashes do not."""
    return any(c.isdigit() for c in value) and any(c.isupper() for c in value)


def _has_digit(value: str) -> bool:
    return any(c.isdigit() for c in value)


def _is_key_block(value: str) -> bool:
    """Tell a private key from a certificate, both in base64 of PEM."""
    head = value[:80]
    try:
        return b"PRIVATE KEY" in base64.b64decode(head[: len(head) // 4 * 4])
    except binascii.Error:
        return False


def _row(
    kind: str, sign: str, pattern: str, why: str, *, holds: Callable[[str], bool] | None = None
) -> Shape:
    return Shape(kind=kind, sign=sign, pattern=re.compile(pattern), why=why, holds=holds)


SHAPES = (
    _row(
        "aws-access-key",
        r"A[KSBC][IC]A",
        r"A[KSBC][IC]A[A-Z2-7]{16}(?![A-Za-z0-9])",
        "AWS IAM, unique identifiers: access keys, temporary keys, bearer and context keys",
    ),
    _row(
        "aws-secret-key",
        r"A[KSBC][IC]A",
        r"A[KS]IA[A-Z2-7]{16}[\s,:;\"'|/]{1,5}([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        "the second column of the CSV file that AWS hands out; 40 letters of base64",
    ),
    _row(
        "github-token",
        r"gh[pousr]_|github_pat_",
        r"g(?:h[pousr]_[A-Za-z0-9]{30,255}|ithub_pat_[A-Za-z0-9_]{50,255})",
        "GitHub, about authentication: token formats",
    ),
    _row(
        "gitlab-token",
        r"gl(?:pat|ptt|dt|rt|soat|cbt|ft|agent|oas|imt)-",
        r"gl(?:pat|ptt|dt|rt|soat|cbt|ft|agent|oas|imt)-[A-Za-z0-9_.-]{20,255}",
        "GitLab, token overview: prefixes",
    ),
    _row(
        "slack-token",
        r"xox[abposre]",
        r"xox(?:[abposr]|e(?:\.xox[bp])?)-[A-Za-z0-9-]{10,255}",
        "Slack, token types",
    ),
    _row("slack-token", r"xapp-", r"xapp-[A-Za-z0-9-]{20,255}", "Slack, app-level tokens"),
    _row(
        "slack-webhook",
        r"hooks\.slack\.com",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,255})",
        "Slack, incoming webhooks: the path is the secret",
    ),
    _row("npm-token", r"npm_", r"npm_[A-Za-z0-9]{36,64}(?![A-Za-z0-9])", "npm, access tokens"),
    _row(
        "pypi-token", r"pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{40,1000}", "PyPI, API tokens: macaroons"
    ),
    _row("anthropic-key", r"sk-", r"sk-ant-[A-Za-z0-9_-]{20,255}", "Anthropic API keys"),
    _row(
        "openai-key",
        r"sk-",
        r"sk-(?!ant-)[A-Za-z0-9_-]{20,255}",
        "OpenAI API keys, and those of gateways that keep the prefix",
        holds=_is_mixed,
    ),
    _row(
        "stripe-key",
        r"sk_(?:live|test)_",
        r"sk_(?:live|test)_[A-Za-z0-9]{16,255}",
        "Stripe secret keys; publishable ones (pk_) are public",
    ),
    _row(
        "stripe-key",
        r"rk_(?:live|test)_",
        r"rk_(?:live|test)_[A-Za-z0-9]{16,255}",
        "Stripe restricted keys",
    ),
    _row(
        "stripe-key",
        r"whsec_",
        r"whsec_[A-Za-z0-9+/=]{16,255}",
        "Stripe, signing secrets of webhooks",
    ),
    _row("google-api-key", r"AIza", r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", "Google API keys"),
    _row("google-oauth", r"ya29\.", r"ya29\.[A-Za-z0-9_-]{20,2000}", "Google OAuth access tokens"),
    _row("google-oauth", r"GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{20,64}", "Google OAuth client secrets"),
    Shape(
        kind="azure-client-secret",
        sign=r"Q~",
        pattern=re.compile(
            r"Q~(?<=[A-Za-z0-9_~.-]{3}\dQ~)[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])"
        ),
        why="Microsoft Entra ID, client secrets since 2021",
        back=4,
    ),
    _row(
        "azure-sas",
        r"sig=",
        r"sig=([A-Za-z0-9%+/=_-]{30,255})",
        "Azure Storage, shared access signatures: HMAC-SHA256 in base64",
    ),
    _row("huggingface-token", r"hf_", r"hf_[A-Za-z0-9]{30,64}", "Hugging Face, user access tokens"),
    _row(
        "langsmith-key", r"lsv2_", r"lsv2_[a-z]{2}_[a-f0-9]{32}_[a-f0-9]{10}", "LangSmith API keys"
    ),
    _row(
        "sendgrid-key",
        r"SG\.",
        r"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}",
        "SendGrid API keys",
    ),
    _row("vault-token", r"hv[sbr]\.", r"hv[sbr]\.[A-Za-z0-9_-]{24,300}", "Vault >= 1.10"),
    _row(
        "grafana-token",
        r"glsa_",
        r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}",
        "Grafana service accounts",
    ),
    _row(
        "grafana-token",
        r"glc_eyJ",
        r"glc_eyJ[A-Za-z0-9+/=]{30,400}",
        "Grafana Cloud access policies",
    ),
    _row("docker-token", r"dckr_", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,64}", "Docker Hub"),
    _row("digitalocean-token", r"do[opr]_v1_", r"do[opr]_v1_[a-f0-9]{64}", "DigitalOcean"),
    _row("age-key", r"AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", "age, which sops uses"),
    _row(
        "docker-auth",
        r"eyJhdXRocyI6",
        r"eyJhdXRocyI6[A-Za-z0-9+/]{8,20000}={0,2}",
        'base64 of `{"auths":`, the content of .dockerconfigjson',
    ),
    _row(
        "jwt",
        r"eyJ",
        r"eyJ[A-Za-z0-9_-]{8,4000}+\.(?:eyJ[A-Za-z0-9_-]{4,8000}(?:\.[A-Za-z0-9_-]{1,2000})?"
        r"|[A-Za-z0-9_-]{0,2000}+\.[A-Za-z0-9_-]{8,64}+\.[A-Za-z0-9_-]{8,20000}+"
        r"\.[A-Za-z0-9_-]{8,64})",
        "RFC 7519: three parts, two if cut off, five if encrypted; service account tokens",
    ),
    _row(
        "private-key",
        r"-----BEGIN ",
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[^\"'{}<>-]|-(?!----)){0,20000}+-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
        r"|(?:[A-Za-z0-9+/=\s]|\\+[nr]){0,20000}+)",
        "RFC 7468; a block that was cut off has no end",
    ),
    _row(
        "private-key",
        r"LS0tLS1CRUdJTi",
        r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{20,40000}+={0,2}",
        "base64 of a PEM block, as kubeconfig and Secrets hold it",
        holds=_is_key_block,
    ),
    _row("password", r"IDENTIFIED BY '", r"IDENTIFIED BY '([^'\n]{1,200})'", "SQL, CREATE USER"),
    _row("password", r"identified by '", r"identified by '([^'\n]{1,200})'", "SQL, CREATE USER"),
    _row("password", r"requirepass ", r"requirepass [\"']?([^\s\"'\\]{1,200})", "redis.conf"),
    _row("password", r"masterauth ", r"masterauth [\"']?([^\s\"'\\]{1,200})", "redis.conf"),
    Shape(
        kind="authorization",
        sign=r"earer ",
        pattern=re.compile(r"earer (?<=[Bb]earer )([A-Za-z0-9._~+/-]{20,4000}={0,2})"),
        why="RFC 6750; 20 letters with a digit, or it is a word of prose",
        bounded=False,
        holds=_has_digit,
    ),
)


SIGNS = tuple(dict.fromkeys(shape.sign for shape in SHAPES))
_AT_ONCE = 9
"""Signs in one pass: 3 µs for 4 kB, against 8 with all in one, and 6 with twenty."""
may_show = screen(
    *("|".join(SIGNS[at : at + _AT_ONCE]) for at in range(0, len(SIGNS), _AT_ONCE)), ESCAPED
)

_ESCAPED = re.compile(r".{0,5}\\(?:[nrt]|u[0-9a-fA-F]{4})$", re.DOTALL)


def _goes_on(text: str, at: int) -> bool:
    r"""Tell whether a place is in the midst of a word, of which the `n` of a `\n` is no part."""
    before = text[max(at - 6, 0) : at]
    if not before or not (before[-1].isalnum() or before[-1] == "_"):
        return False
    return _ESCAPED.match(before) is None


def spans(text: str) -> Iterator[Span]:
    """Give the secrets of a text that their own letters show."""
    if not may_show(text):
        return
    for shape in SHAPES:
        for found in shape.pattern.finditer(text):
            if shape.bounded and _goes_on(text, found.start() - shape.back):
                continue
            start, end = found.span(1) if shape.pattern.groups else found.span()
            start -= shape.back
            value = text[start:end]
            if not value.startswith(MARK) and (shape.holds is None or shape.holds(value)):
                yield Span(start, end, shape.kind)
