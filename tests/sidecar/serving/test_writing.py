"""Answers in one piece: the head of an answer waits for its body, and for nothing longer."""

import asyncio

from guardrails.sidecar.writing import AT_MOST, Together


class _Recorded(asyncio.Transport):
    """Keeps each write apart."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def _written(*parts: bytes, pause: bool = False, close: bool = False) -> list[bytes]:
    transport = _Recorded()
    together = Together(transport, asyncio.get_running_loop())
    for part in parts:
        together.write(part)
        if pause:
            await asyncio.sleep(0)
    if close:
        together.close()
    await asyncio.sleep(0)
    assert transport.closed is together.is_closing() is close
    return transport.written


async def test_a_body_goes_with_its_head() -> None:
    """One write, and what follows goes as it comes."""
    assert await _written(b"head", b"body", b"more") == [b"headbody", b"more"]


async def test_a_head_does_not_wait_for_a_body_that_comes_later() -> None:
    """Whoever reads a stream learns that it has begun."""
    assert await _written(b"head", b"body", pause=True) == [b"head", b"body"]


async def test_a_large_body_is_not_copied() -> None:
    """It goes behind its head, by itself."""
    large = b"x" * (AT_MOST + 1)
    assert await _written(b"head", large) == [b"head", large]


async def test_nothing_is_lost_when_the_connection_is_closed_behind_a_head() -> None:
    """The head of an answer without a body goes before the end."""
    assert await _written(b"head", close=True) == [b"head"]
    assert await _written(b"head", b"body", close=True) == [b"headbody"]


async def test_a_connection_without_an_answer_is_closed_as_it_is() -> None:
    """Nothing is written where there was nothing to write."""
    assert await _written(close=True) == []
