"""Records of trainings, ours and others': one history, a reader a format, a loss ledger."""
