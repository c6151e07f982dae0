"""The `guarded-agent` command; one file per sub-command."""
