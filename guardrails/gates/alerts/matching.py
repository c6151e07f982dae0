"""Whether a matcher of Alertmanager, of a silence or of a route, takes a label's value."""

import re

from guardrails.gates.snapshot import SilenceMatcher


def takes(matcher: SilenceMatcher, value: str) -> bool:
    """Tell whether a matcher takes a value; what cannot be understood is taken as matching."""
    if not matcher.is_regex:
        return (matcher.value == value) is matcher.is_equal
    try:
        hit = re.fullmatch(matcher.value, value) is not None
    except re.error:
        # RE2 knows forms that Python does not.
        return True
    return hit is matcher.is_equal
