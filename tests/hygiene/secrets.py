"""Fake secrets, made while tests run so that no scanner finds one in the repository."""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from guardrails.actions.tables import listed

UPPER = string.ascii_uppercase + "234567"
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A text with a secret in it."""

    name: str
    text: str
    secret: str
    """Must not be in the output, not even in its last eight characters."""
    kind: str | None = None
    """What the mark has to say, where only one answer is right."""


def letters(n: int, alphabet: str = ALNUM, *, seed: int = 7) -> str:
    """Give random letters, the same in every run, with a digit and a capital among them."""
    pick = random.Random(f"{seed}{n}{alphabet}")  # noqa: S311  # nothing is kept safe by it
    middle = "".join(pick.choice(alphabet) for _ in range(n - 2))
    ends = ("A", "7") if {"A", "7"} <= set(alphabet) else (alphabet[0], alphabet[-1])
    return ends[0] + middle + ends[1]


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _url64(value: object) -> str:
    return _b64(json.dumps(value)).rstrip("=").replace("+", "-").replace("/", "_")


def _pem(name: str = "RSA ") -> str:
    body = "\n".join(letters(64, ALNUM + "+/", seed=line) for line in range(4))
    return f"-----BEGIN {name}PRIVATE " + f"KEY-----\n{body}\n-----END {name}PRIVATE KEY-----"


def shaped() -> dict[str, str]:
    """Give one secret of every kind that shows by its letters."""
    return {
        "aws-access-key": "AK" + "IA" + letters(16, UPPER),
        "github-token": "gh" + "p_" + letters(36),
        "gitlab-token": "gl" + "pat-" + letters(20),
        "slack-token": "xo" + "xb-" + "123456789012-" + letters(24),
        "npm-token": "np" + "m_" + letters(36),
        "pypi-token": "py" + "pi-AgE" + letters(80),
        "anthropic-key": "sk-" + "ant-api03-" + letters(60),
        "openai-key": "sk-" + "proj-" + letters(48),
        "stripe-key": "sk_" + "live_" + letters(24),
        "google-api-key": "AI" + "za" + letters(35),
        "google-oauth": "GOC" + "SPX-" + letters(28),
        "azure-client-secret": letters(3) + "8Q" + "~" + letters(34),
        "huggingface-token": "hf" + "_" + letters(34),
        "sendgrid-key": "S" + "G." + letters(22) + "." + letters(43),
        "vault-token": "hv" + "s." + letters(24),
        "grafana-token": "gl" + "sa_" + letters(32) + "_" + letters(8, HEX),
        "docker-token": "dckr" + "_pat_" + letters(27),
        "digitalocean-token": "do" + "p_v1_" + letters(64, HEX),
        "jwt": f"{_url64({'alg': 'RS256', 'kid': ''})}.{_url64({'sub': 'x' * 20})}.{letters(43)}",
        "private-key": _b64(_pem()),
        "email": "jo.smith" + "@" + "corp.example.com",
    }


def _named(value: str) -> dict[str, str]:
    """Give the names whose value is secret whatever it looks like."""
    return dict.fromkeys(
        listed(
            "password DB_PASSWORD adminPassword PGPASSWORD redis-password REDIS_PASS db.passwd"
            " token authToken API_TOKEN refresh_token client_secret JWT_SECRET clientSecret"
            " api_key apiKey X-Api-Key AWS_SECRET_ACCESS_KEY private_key encryption_key passphrase"
        ),
        value,
    )


SURROUNDINGS: dict[str, Callable[[str], str]] = {
    "log": lambda s: f"2026-01-15T12:00:01Z WARN auth refused for {s} after 3 tries\n",
    "json": lambda s: json.dumps({"a": [1, None], "value": s, "n": {"x": True}}),
    "nested json": lambda s: json.dumps({"out": json.dumps({"in": json.dumps({"v": s})})}),
    "yaml": lambda s: f"spec:\n  note: {s}\n  replicas: 2\n",
    "escaped yaml": lambda s: json.dumps({"output": f"spec:\n  note:\n{s}\n  replicas: 2\n"}),
    "env": lambda s: f"PATH=/bin\nNOTE={s}\nHOME=/root\n",
    "command": lambda s: f"run-it --note={s} --verbose",
    "header": lambda s: f"GET / HTTP/1.1\nX-Note: {s}\nAccept: */*\n",
    "prose": lambda s: f"I found {s}, which should not be there.",
}
NAMINGS: dict[str, Callable[[str, str], str]] = {
    "log": lambda k, v: f'time="12:00" level=info msg="start" {k}={v} user=joe\n',
    "json": lambda k, v: json.dumps({"name": "shop", k: v, "port": 5432}),
    "nested json": lambda k, v: json.dumps({"o": json.dumps({"i": json.dumps({k: v, "n": 1})})}),
    "yaml": lambda k, v: f"db:\n  host: db\n  {k}: {v}\n  port: 5432\n",
    "escaped yaml": lambda k, v: json.dumps({"output": f"db:\n  {k}: {v}\n  port: 5432\n"}),
    "export": lambda k, v: f"HOME=/root\nexport {k}='{v}'\nSHELL=/bin/sh\n",
    "flag": lambda k, v: f"run-it --{k}={v} --verbose",
    "flag apart": lambda k, v: f"run-it --{k} {v} --verbose",
    "arguments": lambda k, v: json.dumps(["run-it", f"--{k}", v, "--verbose"]),
    "container env": lambda k, v: json.dumps({"env": [{"name": k, "value": v}, {"name": "x"}]}),
    "container env yaml": lambda k, v: f"env:\n- name: {k}\n  value: {v}\n- name: X\n  value: y\n",
    "describe": lambda k, v: f"    Environment:\n      {k}:  {v}\n      LOG_LEVEL:  debug\n",
    "header": lambda k, v: f"curl -s -H '{k}: {v}' http://cart:8080/",
}


def placed() -> Iterator[Planted]:
    """Give secrets that only their place tells."""
    word = letters(12)
    coded = _b64(word + "-value")
    login = _b64("joe:" + word)
    manifest = {"apiVersion": "v1", "data": {"uri": coded}, "kind": "Secret", "type": "Opaque"}
    applied = {"last-applied": json.dumps(manifest)}
    pem = _pem()
    texts = {
        "postgres": f"postgres://shop:{word}@db:5432/orders?sslmode=off",
        "redis": f"REDIS_URL=redis://:{word}@cache:6379/0",
        "mongo": f"mongodb+srv://shop:{word}@c0.mongodb.net/orders",
        "amqp": f"dial amqp://guest:{word}@mq:5672: refused",
        "at sign": f"mysql://root:p@{word}@db/orders",
        "jdbc": f"jdbc:postgresql://db/orders?user=shop&password={word}&ssl=true",
        "oracle": f"jdbc:oracle:thin:shop/{word}@db:1521:orders",
        "azure storage": f"AccountName=shop;AccountKey={word}+/aa==;EndpointSuffix=core",
        "basic auth": f"wget https://joe:{word}@files.example.com/x",
        "bearer": f"curl -H 'Authorization: Bearer {word}' http://api",
        "bearer header": f"> authorization: Bearer {word}\n> accept: */*\n",
        "bearer json": json.dumps({"headers": {"Authorization": f"Bearer {word}"}}),
        "bearer list": json.dumps({"Authorization": [f"Bearer {word}"]}),
        "basic": f"Authorization: Basic {login}\n",
        "cookie": f"Set-Cookie: sid={word}; Path=/\n",
        "curl -u": f"curl -su joe:{word} http://api".replace("-su", "-s -u"),
        "curl -u quoted": f"kubectl exec c -- sh -c \"curl -u 'joe:{word}' http://api\"",
        "curl --user": f"curl --user joe:{word} http://api",
        "mysql -p": f"mysql -h db -u root -p{word} orders",
        "mysql -p apart": f"mysql -h db -p {word} orders",
        "mysqldump": f"kubectl exec db-0 -- mysqldump -uroot -p{word} orders",
        "mongosh": f"mongosh -u root -p {word} mongodb://db",
        "redis-cli": f"redis-cli -h cache -a {word} ping",
        "docker login": f"docker login -u joe -p {word} registry.example.com",
        "sshpass": f"sshpass -p '{word}' ssh node",
        "helm set": f"helm upgrade db chart --set auth.rootPassword={word},replicas=2",
        "from literal": f"kubectl create secret generic db --from-literal=password={word}",
        "redis.conf": f"port 6379\nrequirepass {word}\n",
        "sql": f"ALTER USER shop WITH PASSWORD '{word}'",
        "mysql sql": f"CREATE USER shop IDENTIFIED BY '{word}'",
        "xml": f"<db><password>{word}</password></db>",
        "properties": f"spring.datasource.password={word},;&x\n",
        "block": f"password: |\n  {word}\n  more\nuser: joe\n",
        "secret json": json.dumps(manifest),
        "secret pretty": json.dumps({"items": [manifest], "kind": "List"}, indent=4),
        "secret applied": json.dumps({"metadata": {"annotations": applied}}, indent=2),
        "secret list": json.dumps({"kind": "SecretList", "items": [{"data": {"uri": coded}}]}),
        "secret yaml": f"apiVersion: v1\ndata:\n  uri: {coded}\nkind: Secret\n",
        "secret in list": f"items:\n- data:\n    uri: {coded}\n  kind: Secret\nkind: List\n",
        "secret string": f"kind: Secret\nstringData:\n  conf: |\n    a: {word}\n    b: c\n",
        "secret escaped": json.dumps({"out": f"data:\n  uri: {coded}\nkind: Secret\n"}),
        "kubeconfig key": f"user:\n  client-key-data: {_b64(pem)}\n",
        "kubeconfig token": f"user:\n  token: {word}\n",
        "docker config": json.dumps({"auths": {"r.example.com": {"auth": login}}}),
        "pem": f"key:\n{pem}\nnext",
        "pem json": json.dumps({"private_key_id": "x", "private_key": pem + "\n"}),
        "pem cut off": pem[:150],
        "json cut off": f'{{"user": "joe", "password": "{word}',
        "aws table": f"{'AK' + 'IA' + letters(16, UPPER)},{letters(40)}\n",
        "sas": f"https://x.blob.core.windows.net/c?sv=1&sig={letters(44)}&se=2",
        "slack hook": "https://hooks.slack" + f".com/services/T0/B0/{letters(24)}",
        "git remote": f"https://x-access-token:{word}@github.com/org/x",
        "digits": "export DB_PASSWORD=49382716",
        "query digits": "GET /user?username=joe&password=49382716 HTTP/1.1",
    }
    hidden = {
        "secret": coded,
        "kubeconfig key": _b64(pem)[-40:],
        "docker config": login,
        "basic": login,
        "pem": letters(64, ALNUM + "+/", seed=1),
        "pem json": letters(64, ALNUM + "+/", seed=1),
        "pem cut off": pem[100:150],
        "aws table": letters(40),
        "sas": letters(44),
        "slack hook": letters(24),
        "digits": "49382716",
        "query digits": "49382716",
    }
    for name, text in texts.items():
        group = "secret" if name.startswith("secret ") and name != "secret string" else name
        yield Planted(name=name, text=text, secret=hidden.get(group, word))


def planted() -> list[Planted]:
    """Give every planted case."""
    cases = [
        Planted(name=f"{kind} in {where}", text=write(secret), secret=secret, kind=kind)
        for kind, secret in shaped().items()
        for where, write in SURROUNDINGS.items()
    ]
    cases += [
        Planted(name=f"{key} in {where}", text=write(key, value), secret=value)
        for key, value in _named(letters(14) + "x9").items()
        for where, write in NAMINGS.items()
    ]
    return [*cases, *placed()]
