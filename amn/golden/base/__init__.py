"""The change beside its merge base: what lets more through than what was reviewed last."""
