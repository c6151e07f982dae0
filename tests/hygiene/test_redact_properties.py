"""What holds for every text, made up by hypothesis."""

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from guardrails.hygiene.redact import found_in, redacted
from tests.hygiene.secrets import placed, shaped

PIECES = (
    *shaped().values(),
    *(case.text for case in placed()),
    *("password", '"token": ', "=", ": ", "\n", "\\n", '\\"', '"', "'", "\\", "\\u0041", "\\u000a"),
    *("kind: Secret\n", '"kind":"Secret"', '"data":{', "}", "{", "data:\n", "  a: ", "|\n  ", "@"),
    *(
        "://a:b@c",
        "Bearer ",
        "curl -u a:",
        "export ",
        "--",
        "[",
        ",",
        "é",
        "İ",
        "\x00",
        "[redacted:",
    ),
)
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)
keys = st.sampled_from(["password", "a", "token", "data", "kind", "name", "value"]) | st.text(
    max_size=4
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | st.just("Secret"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), max_size=20)


def shape_of(value: Any) -> Any:
    """Give a document with its strings left out."""
    match value:
        case dict():
            return {key: shape_of(inner) for key, inner in value.items()}
        case list():
            return [shape_of(inner) for inner in value]
        case str():
            return ""
        case _:
            return value


@given(texts)
def test_what_was_cleaned_is_clean(text: str) -> None:
    """A second time finds nothing and gives the same object."""
    clean = redacted(text)
    assert redacted(clean) is clean
    assert (clean is text) == (found_in(text) == ())


@given(document=documents, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_json_stays_json_of_the_same_structure(
    document: Any, indent: int | None, *, ascii_only: bool
) -> None:
    """Keys, arrays, numbers and nulls are as before; only strings change."""
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    assert shape_of(json.loads(redacted(text))) == shape_of(document)


@given(words, st.integers(0, 3), st.sampled_from(["password", "apiKey", "DB_PASSWORD"]))
def test_a_password_in_json_goes_whole_at_any_depth(word: str, depth: int, key: str) -> None:
    """Quotes, backslashes and letters of any script included."""
    secret = f"S3{word}7x"
    text = json.dumps({key: secret, "n": 1})
    for _ in range(depth):
        text = json.dumps({"out": text})
    clean = redacted(text)
    for _ in range(depth):
        clean = json.loads(clean)["out"]
    value = json.loads(clean)[key]
    assert value.startswith("[redacted:")
    assert value.endswith("]")


@given(st.lists(st.sampled_from(list(shaped().items())), min_size=1, max_size=5), texts)
def test_no_planted_secret_comes_through(secrets: list[tuple[str, str]], text: str) -> None:
    """Lines of their own, behind any text."""
    assume(all(value not in text for _, value in secrets))
    given_text = text + "\n" + "\n".join(value for _, value in secrets)
    clean = redacted(given_text)
    for _, value in secrets:
        assert value not in clean


@given(st.text(alphabet="abcdefgh ,.\n{}[]<>/", max_size=200))
def test_plain_words_come_back_as_the_same_object(text: str) -> None:
    """Brackets and words hold no secret."""
    assert redacted(text) is text
