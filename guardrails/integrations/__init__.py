"""Adapters: a framework's facts into events, decisions into its acts."""
