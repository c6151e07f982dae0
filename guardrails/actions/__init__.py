"""What a tool call means: its effect on the world and the things that it touches.

Start at `classify.classify` for a tool call, `shell.analyse` for a command line and `claims` for
the words that end a run. Everything here is pure; one program is one file with a table of verbs.
"""
