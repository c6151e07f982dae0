"""Clusters for the suite: by processes from Go modules, or by kind where Docker runs."""
