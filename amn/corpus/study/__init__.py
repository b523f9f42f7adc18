"""What a data set is made of: describe it, compare two, filter and split it."""
