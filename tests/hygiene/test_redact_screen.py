"""The first look rules out only texts without a secret."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.hygiene import redact
from guardrails.hygiene.redact import clipped, found_in, may_hold_secrets
from guardrails.hygiene.secrets import by_name, by_object, by_place, by_shape
from guardrails.hygiene.secrets.screen import screen
from tests.hygiene.secrets import NAMINGS, SURROUNDINGS, Planted, letters, placed, planted, shaped

CASES = planted()
SCREENS = (
    (redact, "may_hold_secrets"),
    (by_shape, "may_show"),
    (by_name, "may_show"),
    (by_object, "may_show"),
    (by_place, "_may_address"),
    (by_place, "_may_run"),
)
LONG = "all is well " * 100


@contextmanager
def no_screens() -> Iterator[None]:
    """Search every text for everything."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in SCREENS:
            patch.setattr(module, name, lambda _text: True)
        yield


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_planted_secret_shows_a_sign(case: Planted) -> None:
    """In a short text, in a long one, and in JSON of it."""
    for text in (case.text, LONG + case.text, json.dumps([LONG, case.text])):
        assert may_hold_secrets(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_look_takes_no_secret_away(case: Planted) -> None:
    """With it or without, the same is found in the same places."""
    text = f"{LONG}\n{case.text}"
    found = found_in(text)
    with no_screens():
        assert found_in(text) == found


PIECES = st.sampled_from(
    [
        *('"', "'", "`", "\\", "\\n", "\\u0022", "\\u003d", ":", "=", ":=", "=>", ">", " ", "\n"),
        *("-", "--", ",", "{", "}", "[", "]", "@", "://", ".", "|\n  ", "é", "\ud800", "\u0130"),
        *("password", "TOKEN", "apiKey", "secret", "pass", "kind: Secret", "data", "value", "name"),
        *("mysql", " -p", "curl ", "-u", "sk-", "eyJ", "Bearer ", "sig=", letters(12), letters(40)),
    ]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=14).map("".join))
def test_no_made_up_text_gets_by(text: str) -> None:
    """Whatever is found without the first look is found with it."""
    found = found_in(text)
    with no_screens():
        assert found_in(text) == found


SHOWN = [write(secret) for secret in shaped().values() for write in SURROUNDINGS.values()]
TOLD = [write("dbPassword", letters(12)) for write in NAMINGS.values()]


@given(st.sampled_from([*SHOWN, *TOLD, *(case.text for case in placed())]), st.integers(1, 3))
def test_a_sign_shows_through_layers_of_json(text: str, layers: int) -> None:
    """What is ruled out as a part of a JSON text is ruled out for good."""
    for _ in range(layers):
        text = json.dumps({"text": text})
    found = found_in(text)
    with no_screens():
        assert found_in(text) == found


def test_half_a_surrogate_pair_rules_nothing_out() -> None:
    """Rust cannot read such a text, so the full search does."""
    assert screen("never")("\ud800")
    assert not screen("never")("é")
    assert found_in(f"\ud800 password={letters(12)}")


def test_plain_output_is_ruled_out() -> None:
    """Most of what tools print shows no sign at all; images with a digest are no addresses."""
    pods = "checkout-5d8f7c6b9d-x2x4q  1/1  Running  0  3m\n" * 100
    images = "image: shop/web@sha256:0123456789abcdef\nfinalizers: [foregroundDeletion]\n" * 40
    assert not may_hold_secrets(pods)
    assert not may_hold_secrets(images)
    assert not may_hold_secrets(pods[:900])


@pytest.mark.parametrize("kind", shaped())
def test_a_secret_is_hidden_before_a_text_is_cut(kind: str) -> None:
    """Wherever the cut falls in it, no part is left."""
    secret = shaped()[kind]
    text = f"it is {secret} that was found, and there is more to say about it"
    for limit in range(7, 6 + len(secret)):
        assert secret[:6] not in clipped(text, limit).removeprefix("it is ")


def test_a_text_that_fits_is_not_looked_at() -> None:
    """Whoever records it does that."""
    text = f"password={letters(12)}"
    assert clipped(text, len(text)) == text
    assert clipped(text, len(text) - 1) == "password=[redacted:pa"[: len(text) - 1]
