"""The sidecar against real servers."""
