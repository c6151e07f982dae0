"""Names that a shorter text does not show: which they are, and which are told."""

import pytest

from guardrails.hygiene.compression.mentions import names_in, words_in
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.names import missing, names_told


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("dial tcp mongodb-rate:27017 ok", "mongodb-rate:27017"),
        ("GET http://10.96.49.230:8080/compose took 3ms", "http://10.96.49.230:8080/compose"),
        ("at cmd/geo/db.go:26 +0x16", "cmd/geo/db.go:26"),
        ("JAEGER_SAMPLE_RATIO:  1", "JAEGER_SAMPLE_RATIO"),
        ('"name": "url-shorten-mongodb"', "url-shorten-mongodb"),
        ("--config /shop/config/mongod.conf", "shop/config/mongod.conf"),
        ("caused by PersistentVolumeClaim shop", "PersistentVolumeClaim"),
        ("file ssl_manager_openssl.cpp said", "ssl_manager_openssl.cpp"),
    ],
)
def test_a_telling_name_is_found(line: str, name: str) -> None:
    """Addresses, names of objects and variables, files, and words of the trade."""
    assert name in names_in(line)


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-12T10:09:55 10:09:55 12345678",
        "pod-template-hash=8477d787d8 kube-api-access-7w5m4",
        "aa3341a2-0b1c-4d98-bd9a-963ffc953d8e aa3341a2749d0298bd9a963ffc953d8e",
        "go/vendor/github.com/rs/zerolog/event.go:110",
        "app.kubernetes.io/name all is well",
    ],
)
def test_what_tells_nothing_is_no_name(line: str) -> None:
    """Times, hashes, what every pod has, frames of libraries, plain words."""
    assert names_in(line) == ()


def test_a_part_of_a_word_is_shown_too() -> None:
    """`shop/web-1` shows `web-1`."""
    assert {"shop/web-1", "web-1"} <= words_in("pod shop/web-1 runs")


def test_results_take_turns() -> None:
    """The newest first; none fills the room with its own names."""
    whole = {0: "a-one a-two a-three", 5: "b-one b-two b-three"}
    order = [name for _, name in missing(whole, [], memo=Memo())]
    assert order == ["b-one", "a-one", "b-two", "a-two", "b-three", "a-three"]


def test_a_name_that_anything_shows_is_not_told() -> None:
    """Neither one in a text, nor one in the arguments of a call."""
    call = Call(call_id="c", tool="kubectl", arguments='{"name":"a-two"}')
    shown = [Message(role=Role.ASSISTANT, text="I see a-one.", calls=(call,))]
    told = names_told({0: "a-one a-two a-three"}, shown, {0: 99}, room=99, memo=Memo())
    assert told == {0: "\n[also named: a-three]"}


def test_the_room_is_never_exceeded() -> None:
    """Neither that of one result nor that of all."""
    whole = {at: " ".join(f"name-{at}-{letter}" for letter in "abcdefgh") for at in range(4)}
    for room in range(0, 300, 7):
        told = names_told(whole, [], dict.fromkeys(whole, 60), room=room, memo=Memo())
        assert sum(map(len, told.values())) <= room
        assert all(len(line) <= 60 for line in told.values())
