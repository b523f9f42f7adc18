"""Training: the loop, its losses and stopping rules, run records and checkpoints."""
