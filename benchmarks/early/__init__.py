"""How early errors are caught: seeded ones on real runs, and the clean steps of those runs."""
