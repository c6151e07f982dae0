"""Cases as data: faults and fake fixes in YAML, and what they multiply to."""
