"""Reports: one result, several forms. None of them decides anything."""
