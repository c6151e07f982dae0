"""What the redactor takes out, and what it leaves of the text around."""

import json
import re
from itertools import pairwise

import pytest

from guardrails.hygiene.redact import Secret, found_in, redacted
from tests.hygiene.secrets import Planted, letters, planted, shaped

CASES = planted()
MARK = re.compile(r"\[redacted:[a-z-]+\]")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_planted_secret_is_not_in_the_output(case: Planted) -> None:
    """Whatever stands around it, neither the secret nor its end gets through."""
    clean = redacted(case.text)
    assert case.secret not in clean
    assert case.secret[-8:] not in clean
    assert case.kind is None or f"[redacted:{case.kind}]" in clean


@pytest.mark.parametrize(
    "case", [case for case in CASES if " in " in case.name], ids=lambda case: case.name
)
def test_only_the_secret_is_replaced(case: Planted) -> None:
    """Putting the secret back gives the text as it was."""
    assert MARK.sub(lambda _: case.secret, redacted(case.text)) == case.text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_second_time_changes_nothing(case: Planted) -> None:
    """A mark is no secret."""
    clean = redacted(case.text)
    assert redacted(clean) is clean


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_found_is_where_it_says(case: Planted) -> None:
    """Places are in order, apart, and those that the output lacks."""
    found = found_in(case.text)
    assert found
    assert all(a.end <= b.start for a, b in pairwise(found))
    for secret in found:
        assert 0 <= secret.start < secret.end <= len(case.text)


def test_there_are_enough_cases() -> None:
    """Kinds by surroundings: a table that shrinks is noticed."""
    assert len(CASES) >= 400


def test_a_finding_does_not_carry_the_secret() -> None:
    """Findings go to logs and reports."""
    token = shaped()["github-token"]
    found = found_in(f"see {token} here")
    assert found == (Secret(kind="github-token", start=4, end=4 + len(token)),)
    assert token not in repr(found)


def test_user_and_host_of_a_url_stay() -> None:
    """A model has to know which database it was, and as whom."""
    word = letters(12)
    clean = redacted(f"postgres://shop:{word}@db.prod:5432/orders")
    assert clean == "postgres://shop:[redacted:url-password]@db.prod:5432/orders"


def test_the_scheme_of_a_header_stays() -> None:
    """Bearer or basic is what an error about it needs."""
    clean = redacted("Authorization: Bearer " + letters(12))
    assert clean == "Authorization: Bearer [redacted:authorization]"


def test_every_value_of_a_secret_goes_and_none_of_a_config_map() -> None:
    """Base64 says nothing; the kind of the object does."""
    value = "aGVsbG8gd29ybGQ="
    objects = [
        {"apiVersion": "v1", "data": {"a": value, "b.c": value}, "kind": "Secret"},
        {"apiVersion": "v1", "data": {"a": value, "b.c": value}, "kind": "ConfigMap"},
    ]
    secret, config = json.loads(redacted(json.dumps(objects)))
    assert set(secret["data"].values()) == {"[redacted:kubernetes-secret]"}
    assert config == objects[1]


def test_a_password_with_escapes_in_nested_json_goes_whole() -> None:
    """Quotes, newlines and backslashes are part of it, two layers down as well."""
    text = json.dumps({"o": json.dumps({"i": json.dumps({"password": 'a"b\n\\c', "n": 1})})})
    inner = json.loads(json.loads(json.loads(redacted(text))["o"])["i"])
    assert inner == {"password": "[redacted:password]", "n": 1}


def test_two_secrets_of_a_line_are_two() -> None:
    """One is not swallowed by the other."""
    one, two = letters(12, seed=1), letters(12, seed=2)
    clean = redacted(f"password={one} token={two} user=joe")
    assert clean == "password=[redacted:password] token=[redacted:token] user=joe"


def test_secrets_on_both_sides_of_a_stray_brace_are_found() -> None:
    """Of two objects without a beginning neither hides the other."""
    half = '"kind":"Secret","data":{"p":"czNjcmV0LXBhc3N3b3Jk"}'
    assert "czNj" not in redacted(f"{half}}} {half}}}")


def test_a_text_of_one_letter_repeated_stalls_nobody() -> None:
    """What no pattern may do is to go over the same letters again and again."""
    for piece in (
        "eyJ",
        "a@",
        "password=",
        "://a:",
        '"',
        "\\",
        "-----BEGIN ",
        "kind: Secret\n",
        '"kind: Secret\n',
        "kind: Secret\ndata:\n  a: bbbbbbbb\n",
        'kind":"Secret"',
        '}kind":"Secret"',
        '"data":{"kind":"Secret"',
        "{",
    ):
        redacted(piece * (200_000 // len(piece)))
