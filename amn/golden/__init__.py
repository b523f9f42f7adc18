"""Goldens: the accepted result of a case, how it is kept, and what changed between two of them."""
