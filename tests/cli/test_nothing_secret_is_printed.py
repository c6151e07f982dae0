"""What the program prints on its own behalf: reports, warnings, errors and tracebacks."""

from pathlib import Path

import pytest

from guardrails.testing.sim import Match, Respond
from tests.hygiene.secrets import letters

WORD = letters(12)
PLACE = f"http://joe:{WORD}@127.0.0.1:9"
REFUSAL = Respond(status=500, message=f"upstream refused Authorization: Bearer {WORD} for this")
USAGE, UNKNOWN, SOURCE = 2, 4, 7


@pytest.mark.parametrize("form", ["text", "json"])
def test_doctor_quotes_no_secret(cli, shop, form: str) -> None:
    """Servers say why they refuse, sometimes with the header that they refused."""
    shop.cluster.faults.add(Match(server="kubernetes", resource="pods"), REFUSAL)
    ran = cli("doctor", *shop.options, "-n", "shop", "-o", form)
    assert ran.code == SOURCE
    assert "[redacted:authorization]" in ran.out
    assert WORD not in ran.out + ran.err


def test_a_login_in_an_address_is_not_printed(cli, shop) -> None:
    """People put logins into addresses."""
    ran = cli("doctor", *shop.options, "--prometheus", PLACE, "--timeout", "0.2")
    assert ran.code == SOURCE
    assert WORD not in ran.out + ran.err


def test_a_report_does_not_quote_the_secret_of_an_answer(cli, shop, quick: list[str]) -> None:
    """Evidence that is unknown says what the server said."""
    shop.cluster.faults.add(Match(server="kubernetes", resource="endpointslices"), REFUSAL)
    ran = cli("verify", *shop.options, *quick, "-n", "shop", "-o", "json")
    assert ran.code == UNKNOWN
    assert "Bearer [redacted:authorization]" in ran.out
    assert WORD not in ran.out + ran.err


def test_an_error_is_told_without_what_it_quotes(cli, tmp_path: Path) -> None:
    """A mistake in a file is quoted, and so is everything beside it."""
    file = tmp_path / "incident.yaml"
    file.write_text(f"task: mend it\nnamespaces: [shop]\npassword=postgres://a:{WORD}@db: 1\n")
    for more in ((), ("--debug",)):
        ran = cli("verify", "--incident", file, *more)
        assert ran.code == USAGE
        assert "[redacted:" in ran.err
        assert WORD not in ran.err
