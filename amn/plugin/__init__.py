"""The parts of the pytest plugin: one gate a case, its checks as items, and the count of both."""
