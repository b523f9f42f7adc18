"""The failure report: what happened, why, and what to do next, for people."""
