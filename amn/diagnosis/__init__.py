"""From findings to ranked causes: evidence for and against, what settles it, what to do."""
