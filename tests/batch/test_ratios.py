"""The likelihood ratio and its interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.batch.ratios import likelihood_ratio
from guardrails.core.signatures import SIGNATURES

runs = st.integers(0, 500)


@given(failed=runs, more_failed=runs, successful=runs, more_successful=runs)
def test_the_interval_holds_the_ratio(
    failed: int, more_failed: int, successful: int, more_successful: int
) -> None:
    """For any counts, none of them infinite."""
    found = likelihood_ratio(
        failed=failed,
        of_failed=failed + more_failed,
        successful=successful,
        of_successful=successful + more_successful,
    )
    assert 0 < found.low <= found.value <= found.high < float("inf")


@given(failed=runs, more_failed=runs, successful=runs, more_successful=runs)
def test_failed_and_successful_are_mirror_images(
    failed: int, more_failed: int, successful: int, more_successful: int
) -> None:
    """The other way round the ratio is its reciprocal, and so are the ends."""
    of_failed, of_successful = failed + more_failed, successful + more_successful
    one = likelihood_ratio(
        failed=failed, of_failed=of_failed, successful=successful, of_successful=of_successful
    )
    other = likelihood_ratio(
        failed=successful, of_failed=of_successful, successful=failed, of_successful=of_failed
    )
    assert one.value * other.value == pytest.approx(1)
    assert one.low * other.high == pytest.approx(1)


def test_it_is_the_ratio_of_the_published_signatures() -> None:
    """Both add half a run, so that measured and published figures can be compared."""
    for signature in SIGNATURES.values():
        for mode, shown in signature.shown.items():
            found = likelihood_ratio(
                failed=shown.failed,
                of_failed=signature.failed,
                successful=shown.successful,
                of_successful=signature.successful,
            )
            assert found.value == pytest.approx(signature.likelihood_ratio(mode))


def test_more_runs_make_a_narrower_interval() -> None:
    """With the same shares."""
    few = likelihood_ratio(failed=6, of_failed=10, successful=2, of_successful=10)
    many = likelihood_ratio(failed=60, of_failed=100, successful=20, of_successful=100)
    assert many.high / many.low < few.high / few.low
