"""Benchmarks: what this package costs beside its peers and beside the bare RSA check."""
