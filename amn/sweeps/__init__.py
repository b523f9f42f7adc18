"""Sweeps: a case trained again and again with other values, and what became of its score."""
