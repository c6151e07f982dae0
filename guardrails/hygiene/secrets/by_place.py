"""Secrets that their place tells: passwords in URLs and after flags of known clients, e-mail.

A flag such as `-p` means a password to some programs only, and only where the program is what is
run: `kubectl patch deployment mysql -p '{…}'` patches.
"""

import re
from collections.abc import Iterator

from guardrails.actions.tables import tokens
from guardrails.hygiene.secrets.keys import is_secret
from guardrails.hygiene.secrets.screen import screen
from guardrails.hygiene.secrets.spans import Span

_CHAR = r"(?:[^\s\"'`<>\\/@]|\\(?![\"'nrtu/\\]))"
_USERINFO = re.compile(
    rf"://(?P<user>[^\s\"'`<>\\/:@]{{0,128}}):(?!\d{{1,5}}[/?#\s])"
    rf"(?:(?P<password>(?:{_CHAR}|@(?=[^\s\"'<>/@]*@)){{1,512}})"
    rf"|(?P<odd>(?:{_CHAR}|/){{1,512}}?))@(?=[\w.$\[({{*-])"
)
"""RFC 3986, userinfo. People leave `/` and `@` in a password bare, so both are read as part."""
_TOKEN_ONLY = re.compile(r"://([A-Za-z0-9_-]{20,255})@(?=\w)")
"""A token in place of a user: git remotes, Sentry."""
_ORACLE = re.compile(r"jdbc:oracle:thin:\w{1,64}/([^\s\"'@/\\]{1,128})@")

_BEFORE_PROGRAM = re.compile(
    r"(?:^|[|;&(`\"'\n>]|[#$%] |-- |\b(?:sudo|exec|time|run) |\w=\S{0,80} |[A-Z]+ \[\")[ \t]*"
    r"(?:/[\w./-]{0,80}/)?$"
)
"""Where a word is what is run, and no argument."""
_VALUE = r"(?:\"(?P<double>[^\"\n]+)|'(?P<single>[^'\n]+)|(?P<bare>[^\s\"'\\-][^\s\"'\\]*))"
_LOGIN = (
    r"(?:\"[^\":\n]{0,128}:(?P<double>[^\"\n]+)|'[^':\n]{0,128}:(?P<single>[^'\n]+)"
    r"|[^\s\"'\\:-][^\s\"'\\:]{0,128}:(?!//)(?P<bare>[^\s\"'\\]+))"
)


def _client(programs: str, flags: str, value: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Give what finds a client (it starts with a letter, for speed) and what finds its flag."""
    return (
        re.compile(rf"(?:{programs})(?=[ \t])"),
        re.compile(rf"(?:[^\n|;&]|&(?!&)){{0,400}}?[ \t](?:{flags}){value}"),
    )


_CLIENTS = {
    " -p": (
        _client("mysql(?:dump|admin|sh|import)?", r"-p[ \t]?", _VALUE),
        _client("mariadb(?:-dump|-admin|-import)?", r"-p[ \t]?", _VALUE),
        _client("mongo(?:sh|dump|restore|export|import)?", r"-p[ \t]?", _VALUE),
        _client("sshpass", r"-p[ \t]?", _VALUE),
        _client("rabbitmqadmin", r"-p[ \t]?", _VALUE),
        _client("docker login", r"-p[ \t]?", _VALUE),
        _client("podman login", r"-p[ \t]?", _VALUE),
        _client("nerdctl login", r"-p[ \t]?", _VALUE),
        _client("helm registry login", r"-p[ \t]?", _VALUE),
        _client("crane auth login", r"-p[ \t]?", _VALUE),
        _client("oc login", r"-p[ \t]?", _VALUE),
        _client("az login", r"-p[ \t]?", _VALUE),
    ),
    "-cli ": (
        _client("redis-cli", r"-a[ \t]+", _VALUE),
        _client("valkey-cli", r"-a[ \t]+", _VALUE),
    ),
    "sqlcmd ": (_client("sqlcmd", r"-P[ \t]?", _VALUE),),
    " -w ": (_client("ldap(?:search|add|modify|whoami|delete)", r"-w[ \t]+", _VALUE),),
    "curl ": (_client("curl", r"-u[ \t]?|--(?:proxy-)?user[ =]|-U[ \t]?", _LOGIN),),
    "wget ": (_client("wget", r"--user[ =]", _LOGIN),),
}
"""By letters to look for first: what is run, and the flag that takes a password (the manuals)."""

_LOCAL = frozenset("._%+-")
_DOMAIN = re.compile(
    r"@((?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}([A-Za-z]{2,24}))(?![\w@-]|\.\w|/)"
)
_NO_ADDRESS = tokens(
    "service socket timer target mount slice scope device path swap local internal svc cluster lan"
    " localdomain home corp arpa js ts py go rb rs java md json yaml yml toml so jar tgz gz"
)
"""Ends of units of systemd, of hosts inside a cluster, and of files."""
_LOGINS = tokens(
    "git hg svn root ubuntu ec2-user admin core centos debian fedora vagrant opc azureuser rabbit"
    " emqx nobody"
)
"""Users of hosts and nodes: `git@github.com`, `rabbit@mq.example.org`."""
_SHELLS = re.compile(r"\b(?:ssh|scp|sftp|rsync|mosh|autossh|ssh-copy-id|git)\b[^\n]*$")
_SERVICE_ACCOUNTS = ("gserviceaccount.com",)
_LONGEST_LOCAL = 64
"""RFC 5321, 4.5.3.1.1."""


_ADDRESSES = (r"@[A-Za-z0-9-]+\.", r"://\S*@", r"jdbc:oracle")
_may_address = screen(*_ADDRESSES)
"""Mail and passwords in URLs, but not the digests of images."""


def spans(text: str) -> Iterator[Span]:
    """Give the secrets of a text that stand in a place for secrets."""
    if _may_address(text):
        yield from _in_urls(text)
        yield from _addresses(text)
    for run, flag in _runs(text):
        found = flag.match(text, run.end())
        if found is not None and found.lastgroup is not None:
            yield from _judged(text, *found.span(found.lastgroup), kind="password")


def runs_client(text: str) -> bool:
    """Tell whether a text runs a program that takes a password in a flag of one letter."""
    return next(_runs(text), None) is not None


_may_run = screen("|".join(_CLIENTS))
SIGNS = (*_ADDRESSES, *_CLIENTS)
may_show = screen(*_ADDRESSES, "|".join(_CLIENTS))


def _runs(text: str) -> Iterator[tuple[re.Match[str], re.Pattern[str]]]:
    if not _may_run(text):
        return
    for letters, clients in _CLIENTS.items():
        if letters not in text:
            continue
        for run, flag in ((run, flag) for name, flag in clients for run in name.finditer(text)):
            if _BEFORE_PROGRAM.search(text, max(run.start() - 100, 0), run.start()):
                yield run, flag


def _in_urls(text: str) -> Iterator[Span]:
    for found in _USERINFO.finditer(text):
        group = "password" if found["password"] else "odd"
        yield from _judged(text, *found.span(group), kind="url-password")
    for found in _TOKEN_ONLY.finditer(text):
        if any(c.isdigit() for c in found[1]):
            yield Span(*found.span(1), "url-password")
    for found in _ORACLE.finditer(text):
        yield from _judged(text, *found.span(1), kind="url-password")


def _judged(text: str, start: int, end: int, *, kind: str) -> Iterator[Span]:
    if 0 <= start < end and is_secret(text[start:end], kind=kind, quoted=True, sure=True):
        yield Span(start, end, kind)


def _addresses(text: str) -> Iterator[Span]:
    """Give e-mail addresses: personal data, not secrets, and as little use to a model."""
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at)
        if domain is not None:
            start = _local_start(text, at)
            if start < at and _is_address(text, start, at, domain):
                yield Span(start, domain.end(), "email")
        at = text.find("@", at + 1)


def _local_start(text: str, at: int) -> int:
    start = at
    least = max(at - _LONGEST_LOCAL, 0)
    while (
        start > least
        and text[start - 1].isascii()
        and (text[start - 1].isalnum() or text[start - 1] in _LOCAL)
    ):
        start -= 1
    while start < at and text[start] in _LOCAL:
        start += 1
    return start


def _is_address(text: str, start: int, at: int, domain: re.Match[str]) -> bool:
    if text[start - 1 : start] in {"/", ":", "@", "]", "}"} and start:
        return False
    if domain[2].lower() in _NO_ADDRESS or text[start:at].lower() in _LOGINS:
        return False
    if domain[1].lower().endswith(_SERVICE_ACCOUNTS):
        return False
    if re.match(r":[\w~/.]", text[domain.end() : domain.end() + 2]):
        return False
    line = text.rfind("\n", max(start - 200, 0), start) + 1 or max(start - 200, 0)
    return _SHELLS.search(text, line, start) is None
