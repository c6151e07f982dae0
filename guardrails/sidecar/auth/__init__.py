"""Who is asking, and what they may: tokens, roles, and the runs that are a caller's own."""
