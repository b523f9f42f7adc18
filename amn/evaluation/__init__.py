"""Measuring a predictor: cosines by window, the means they give, and what those are worth."""
