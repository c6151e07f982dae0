"""The model proxy: guards an agent by its base URL alone."""
