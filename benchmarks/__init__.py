"""Measurements, each a module to run; a package, as others install a `benchmarks` too."""
