"""A test session that is made to be interrupted, by `test_infrastructure.py`."""
