"""The gate: evidence in stages, checks on it, one verdict."""
