"""Sinks for records: logs, metrics, trace files. They import only `core`."""
