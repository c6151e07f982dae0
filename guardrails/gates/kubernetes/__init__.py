"""Kubernetes objects as evidence; one file per kind family."""
