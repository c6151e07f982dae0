"""What looks like a secret and is none: an agent that cannot read it cannot work."""

import json

import pytest

from guardrails.hygiene.redact import found_in, redacted

HASH = "0123456789abcdef" * 4
KEPT = {
    "image digest": f"image: registry.example.com/shop/cart@sha256:{HASH}",
    "image tag": "image: shop/auth-token:v1.2.3",
    "pod": "checkout-7d9f8b6c5-x2x9q   1/1   Running   0   5m",
    "uid": "uid: 0b6a7c1e-1d1d-4e8e-8a84-0123456789ab",
    "resource version": 'resourceVersion: "12345678"',
    "git sha": f"commit {HASH[:40]}",
    "pod template hash": "pod-template-hash: 7d9f8b6c5",
    "git remote": "git@github.com:org/repo.git",
    "ssh": "ssh root@node1.example.com uptime",
    "scp": "scp x.tgz joe@node1.example.com:/tmp/",
    "unit": "getty@tty1.service loaded active",
    "erlang node": "rabbit@rabbitmq-0.rabbitmq.shop.svc.cluster.local",
    "go module": "github.com/org/repo@v1.2.3",
    "at in path": "GET http://cart:8080/users/a@b",
    "service account": "system:serviceaccount:kube-system:default",
    "google service account": "shop@prod.iam.gserviceaccount.com",
    "max tokens": "max_tokens: 4096",
    "tokens": "tokens=12 token_count=5",
    "number": '{"token": 12, "password": 3.5}',
    "null": '{"password": null, "token": true, "secret": false}',
    "empty": "password: \"\"\nDB_PASSWORD=\ntoken: ''",
    "angle": "mysql --password=<password>",
    "stars": "password=***",
    "dollar braces": "password=${PASSWORD}",
    "dollar brackets": "--password=$(DB_PASSWORD)",
    "dollar": "curl -u admin:$PASSWORD http://api",
    "url variable": "postgres://shop:$(DB_PASSWORD)@db/orders",
    "template": "password: {{ .Values.password }}",
    "shell substitution": "TOKEN=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)",
    "your": "export OPENAI_API_KEY=your-key-here",
    "mount": "/var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-x2x9q (ro)",
    "password file": "MYSQL_PASSWORD_FILE=/run/secrets/db",
    "token path": "tokenPath: /var/run/secrets/token",
    "secret name": "secretName: db-credentials",
    "existing secret": "auth:\n  existingSecret: db-credentials",
    "secret key ref": "secretKeyRef:\n  key: password\n  name: db",
    "secret key ref json": '{"valueFrom": {"secretKeyRef": {"key": "password", "name": "db"}}}',
    "value from": "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      key: password",
    "described key": "DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false",
    "described secret": "Data\n====\npassword:  12 bytes\ntoken:     1024 bytes",
    "pull secrets": "imagePullSecrets:\n- name: regcred",
    "projection": "serviceAccountToken:\n  expirationSeconds: 3607\n  path: token",
    "automount": "automountServiceAccountToken: false",
    "secret type": "type: kubernetes.io/service-account-token",
    "secret not found": 'MountVolume.SetUp failed: secret "db-credentials" not found',
    "secrets forbidden": 'secrets is forbidden: User "joe" cannot list resource "secrets"',
    "config map": "kind: ConfigMap\ndata:\n  a: aGVsbG8gd29ybGQ=",
    "labels": 'kube_secret_info{secret="default-token-abcde",namespace="shop"} 1',
    "regex matcher": 'kube_secret_info{secret=~"db.*"}',
    "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "authority": "certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJ6VENDQVhP",
    "using password": "Access denied for user 'root'@'10.0.0.1' (using password: YES)",
    "parser": "unexpected token: foo",
    "ttl": "kubeadm token create --token-ttl 1h",
    "code": 'password = os.environ["DB_PASSWORD"]\ntoken = get_token()',
    "page token": "nextPageToken: abcDEF1234567890",
    "token type": '{"token_type": "Bearer"}',
    "pwd": "PWD=/app\nOLDPWD=/",
    "patch": 'kubectl patch deployment mysql -p \'{"spec":{"replicas":2}}\'',
    "mkdir": "mysql --version && mkdir -p /data",
    "toleration": "tolerations:\n- key: node-role.kubernetes.io/master\n  value: abc",
    "primary key": "primary_key=12abCD34 public_key=abcDEF123",
    "tests": "pass: 3 fail: 2\npassed=12 bypass=true",
    "bearer prose": "bearer authentication failed for the endpoint",
    "denied": "Authorization: denied",
    "schema": '{"password": {"type": "string", "format": "password"}}',
    "vault reference": "password: vault:secret/data/db#password",
    "mark": "password=[redacted:password]",
    "disk": "disk-usage-is-above-90-percent-A1",
    "package": '{"jsonwebtoken": "^9.0.0"}',
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "in JSON"])
def test_a_text_without_secrets_comes_back_as_the_same_object(text: str, *, wrapped: bool) -> None:
    """Nothing is found, nothing is copied."""
    given = json.dumps({"output": text + "\n"}) if wrapped else text
    assert found_in(given) == ()
    assert redacted(given) is given
