"""A case: what case.toml may say, and how it is read."""
