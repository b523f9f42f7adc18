"""The `amn` command: a module a command, loaded when it is used."""
