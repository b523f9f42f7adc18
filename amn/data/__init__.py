"""Vectors at rest: data sets, their rows, windows and splits."""
