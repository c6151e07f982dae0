"""How a release is built, described and checked."""
