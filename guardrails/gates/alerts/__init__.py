"""Alerts and metrics as evidence: Prometheus first, Alertmanager beside it."""
