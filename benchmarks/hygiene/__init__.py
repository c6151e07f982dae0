"""What filters save and what they keep, on conversations of real agents."""
