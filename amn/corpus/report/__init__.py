"""What a data set is made of, how two compare, what a filter left, for people."""
