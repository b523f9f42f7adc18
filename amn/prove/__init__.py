"""Known defects in a copy of a case, each caught by its own check: proof that a gate can fail."""
