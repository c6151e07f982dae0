"""Data sets in object storage, on a real server."""
