"""Checks: what can fail. `rules/` is the one list of them; a module a family implements it."""
