"""Logs: kinds of lines are counted, and every kind of failure is shown."""

import json

from hypothesis import given
from hypothesis import strategies as st

from guardrails.hygiene.compression.compress import compressed

CALM = [
    f"2026-03-01T10:{n // 60:02}:{n % 60:02}Z INFO served order {n} in 12ms" for n in range(300)
]


def shorter(*extra: str, limit: int = 900) -> str:
    """Compress a log of calm lines with others in its middle."""
    return compressed("\n".join([*CALM[:150], *extra, *CALM[150:]]), limit=limit).text


def test_lines_of_one_kind_are_shown_once_with_count_and_last_time() -> None:
    """The first line is real, so nothing has to be guessed from a template."""
    result = compressed("\n".join(CALM), limit=900)
    assert result.text.startswith(f"{CALM[0]} [x300, last 10:04:59Z]\n")
    assert result.left_out == "299 of 300 log lines, 1 kinds shown"


def test_one_error_among_many_lines_is_kept() -> None:
    """The buried exception is why logs are read at all."""
    buried = "2026-03-01T10:02:30Z ERROR pool exhausted - max size of 10 reached"
    assert buried in shorter(buried)


def test_errors_about_different_things_are_different() -> None:
    """Numbers and ids are masked, names are not."""
    result = shorter(
        "2026-03-01T10:02:30Z ERROR dial cart:7070: connection refused",
        "2026-03-01T10:02:31Z ERROR dial rates:7071: connection refused",
        "2026-03-01T10:02:32Z ERROR dial cart:7072: connection refused",
    )
    assert "dial cart:7070: connection refused [x2, last 10:02:32Z]" in result
    assert "dial rates:7071: connection refused" in result


def test_a_stack_trace_keeps_its_ends_and_causes() -> None:
    """Forty frames of a framework say nothing; the cause does."""
    result = shorter(
        "2026-03-01T10:02:30Z ERROR request failed",
        *(f"\tat shop.web.Filter{n}.run(Filter.java:{n})" for n in range(30)),
        "Caused by: shop.StockException: none left",
        *(f"\tat shop.stock.Shelf{n}.take(Shelf.java:{n})" for n in range(30)),
    )
    assert "Filter0.run" in result
    assert "Filter9.run" not in result
    assert "Caused by: shop.StockException: none left" in result
    assert "Shelf29.take" in result
    assert "  … 27 frames" in result


def test_a_python_traceback_ends_with_its_exception() -> None:
    """Its last line is not indented, and is the one that matters."""
    result = shorter(
        "Traceback (most recent call last):",
        *(f'  File "/app/m{n}.py", line {n}, in run' for n in range(20)),
        "KeyError: 'stock'",
    )
    assert "KeyError: 'stock'" in result
    assert "m9.py" not in result


def test_levels_of_json_lines_are_read() -> None:
    """A level is a field there; its words may be anywhere else."""
    calm = [
        json.dumps({"level": "info", "ts": 1772359200 + n, "msg": f"served {n}", "error": None})
        for n in range(60)
    ]
    wrong = json.dumps({"level": "error", "ts": 1772359299, "msg": "no rate for EUR"})
    result = compressed("\n".join([*calm, wrong]), limit=700)
    assert wrong in result.text
    assert f"{calm[0]} [x60, last 1772359259]" in result.text


def test_klog_lines_show_their_level_in_the_first_letter() -> None:
    """Kubernetes components log so."""
    line = "E0301 10:02:30.123456       1 reflector.go:140] watch of Pod ended"
    assert line in shorter(line)


def test_server_errors_of_an_access_log_are_kept() -> None:
    """A 503 stands where a 200 stood."""
    line = '10.1.2.3 - - [01/Mar/2026:10:02:30] "GET /cart HTTP/1.1" 503 91'
    assert line in shorter(*(line.replace("503", "200") for _ in range(50)), line)


def test_a_denied_failure_is_none() -> None:
    """`error=nil` stands in every line of some programs."""
    lines = [f"10:00:{n % 60:02} INFO {name} done error=nil" for n in range(9) for name in NAMES]
    assert len(compressed("\n".join(lines), limit=400).text) <= 400


NAMES = [f"{a}{b}" for a in ("cart", "rates", "stock", "mail") for b in ("reader", "writer")]


@given(
    kinds=st.lists(st.sampled_from(NAMES), unique=True, max_size=len(NAMES)),
    places=st.lists(st.integers(0, 299), min_size=len(NAMES), max_size=len(NAMES)),
)
def test_every_distinct_error_is_kept(kinds: list[str], places: list[int]) -> None:
    """As far as twice the limit goes, wherever they stand."""
    log = list(CALM)
    for kind, place in zip(kinds, places, strict=False):
        log.insert(place, f"2026-03-01T10:00:00Z ERROR {kind} lost its lease")
    result = compressed("\n".join(log), limit=500).text
    assert all(f"ERROR {kind} lost its lease" in result for kind in kinds)
