"""Predictors: networks, and the reference predictors that they must beat."""
