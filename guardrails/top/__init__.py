"""`guarded-agent top`: the runs of a service, in a terminal.

It is a client of the decision API like any other: it reads lists and streams, and answers a
question where its token may. What it shows came from agents, models and clusters, so all of it is
made printable before it reaches the terminal. Only `app`, `runs_screen`, `run_screen` and
`help_screen` need textual; the rest serves `--once` too.
"""
