"""Several processes that meet in a real Redis."""
