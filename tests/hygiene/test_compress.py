"""What holds for every text, whatever its form."""

import json

from hypothesis import given
from hypothesis import strategies as st

from guardrails.hygiene.compression.compress import compressed

LIMIT = 400

WORDS = (
    "GET /cart orders-7d9f8c4b-xk2p9 10.1.2.3:8080 took 12ms cache hit web checkout: Running"
    " 1/1 0/1 CrashLoopBackOff NAME READY STATUS apiVersion: kind: Name: {} [] ERROR refused"
    " - name: image: 2026-03-01T10:00:07Z status: True"
)
words = st.sampled_from([*WORDS.split(), "", "\t", " "])
lines = st.lists(words, max_size=14).map(" ".join)
texts = st.lists(lines, min_size=5, max_size=90).map("\n".join)
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | words
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(words, inner, max_size=6),
    max_leaves=40,
)


@given(text=texts | st.text(max_size=3_000), limit=st.integers(0, 1_500))
def test_a_text_never_grows(text: str, limit: int) -> None:
    """Notes count too."""
    assert len(compressed(text, limit=limit).text) <= len(text)


@given(text=texts, limit=st.integers(200, 900))
def test_nothing_takes_more_than_twice_the_limit(text: str, limit: int) -> None:
    """Failures come before the limit, but they have one of their own."""
    assert len(compressed(text, limit=limit).text) <= 2 * limit


@given(text=texts, limit=st.integers(200, 900))
def test_what_is_compressed_stays_as_it_is(text: str, limit: int) -> None:
    """A history may be compressed at every turn."""
    once = compressed(text, limit=limit)
    assert compressed(once.text, limit=limit).text == once.text


@given(text=texts)
def test_the_same_text_gives_the_same(text: str) -> None:
    """What was remembered of earlier texts changes nothing."""
    assert compressed(text, limit=LIMIT) == compressed(text, limit=LIMIT)


@given(tree=st.lists(trees, max_size=8) | st.dictionaries(words, trees, max_size=8))
def test_json_stays_json(tree: object) -> None:
    """Models and tools go on reading it."""
    once = compressed(json.dumps(tree, indent=2), limit=LIMIT)
    json.loads(once.text)
    assert compressed(once.text, limit=LIMIT).text == once.text


@given(text=texts)
def test_what_fits_is_left_alone(text: str) -> None:
    """No word of a short output is touched."""
    assert compressed(text, limit=len(text) + LIMIT).text == text


def test_a_prose_keeps_its_ends_and_the_failures_between() -> None:
    """A tool that prints no known form is cut in its calm middle."""
    text = "\n".join(
        [
            "Rotation of the certificates begins.",
            *(f"step {'abcdefghij'[n % 10]}: the vault handed out part {n}" for n in range(50)),
            "step k: the vault denied part eleven",
            *(f"step {'lmnopqrstu'[n % 10]}: the vault handed out part {n}" for n in range(50)),
            "Rotation of the certificates is over.",
        ]
    )
    shorter = compressed(text, limit=600)
    assert shorter.text.startswith("Rotation of the certificates begins.\n")
    assert "step k: the vault denied part eleven" in shorter.text
    assert "Rotation of the certificates is over.\n[left out: " in shorter.text
    assert " of 103 lines" in shorter.left_out


def test_a_line_is_cut_only_if_it_alone_is_too_long() -> None:
    """Half a line may say the contrary of the whole."""
    text = "short head\n" + "x" * 5_000 + "\nshort tail"
    shorter = compressed(text, limit=500).text
    assert "short head" in shorter
    assert "short tail" in shorter
    assert " … " in shorter


def test_each_part_of_an_output_keeps_its_form() -> None:
    """One shell line may print a table and a log."""
    rows = [f"cart-{n}   1/1     Running   0          5d" for n in range(30)]
    log = [f"10:00:{n:02} INFO served order {n}" for n in range(50)]
    text = "\n".join(
        ["NAME     READY   STATUS    RESTARTS   AGE", *rows, "", *log, "10:01:00 ERROR no stock"]
    )
    shorter = compressed(text, limit=900).text
    assert "30 well: cart-0 (1/1), " in shorter or "more well: " in shorter
    assert "served order 0 [x50, last 10:00:49]" in shorter
    assert "10:01:00 ERROR no stock" in shorter
