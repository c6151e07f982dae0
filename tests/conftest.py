"""What every test is run with."""

from hypothesis import settings

# Timings never gate a test: a busy machine must not fail one.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
