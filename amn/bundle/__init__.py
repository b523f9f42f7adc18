"""What a verdict rests on, in one file, and the same verdict from that file alone."""
