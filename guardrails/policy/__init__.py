"""The files that people write: policies, profiles, incidents."""
