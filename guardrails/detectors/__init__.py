"""MAST modes, detected from events; one file per family.

A detector is a pure fold: `observe(state, event) -> (state, findings)`, O(1) amortized per event,
bounded memory. `registry` runs the shipped ones.
"""
