"""How runs of personas end, with and without control."""
