"""The failures of the earlier work, done again on a user's case, beside its healthy version."""
