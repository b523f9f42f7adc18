"""What a case can tell apart: its noise, and the error rates of the gate at a margin."""
