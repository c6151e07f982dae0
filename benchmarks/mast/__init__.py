"""How well the detectors agree with labelled runs, and what tagging costs."""
