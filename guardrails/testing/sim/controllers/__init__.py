"""Small, deterministic controllers: what makes the simulated cluster converge."""
