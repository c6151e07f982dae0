"""Cases by gates: which ends are accepted that should not be, and which are refused that should."""
