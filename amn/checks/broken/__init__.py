"""Copies of a case that defects are brought into, and ways to bring them in."""
