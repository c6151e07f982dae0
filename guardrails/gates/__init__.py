"""Evidence from the world, and the verdicts drawn from it."""
