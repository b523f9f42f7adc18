"""Groups of commands that import a sub-command's module only when that command is used."""

from __future__ import annotations

import keyword
import os
import shlex
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from amn.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping


READER_GONE = 141  # 128 + SIGPIPE: what a shell says of `yes | head -1`


class LazyGroup(click.Group):
    """A group whose sub-command `name` is `command` of the module `package.name`.

    A name that Python keeps for itself has an underscore after it: `import` is in `import_`.

    Args:
        package: Where the modules are.
        summaries: One line of help by name, in the order in which they are listed.
        elsewhere: Modules, by name, of commands that are not in that package.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own arguments
        package: str,
        summaries: Mapping[str, str],
        elsewhere: Mapping[str, str] | None = None,
        **kw: Any,  # noqa: ANN401 - as above
    ) -> None:
        super().__init__(*args, **kw)
        self._package = package
        self._summaries = summaries
        self._elsewhere = elsewhere or {}

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - what the command returns
        """Run the command; where nobody reads its output any more, end silently, as shell tools do.

        click and rich would exit with 1, which means FAIL.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # What is still buffered would break the pipe again, at Python's own exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(READER_GONE) from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, in the order of the table."""
        return list(self._summaries)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is asked for; of a slip, say what may be meant."""
        is_known = not args or args[0] in self._summaries or args[0].startswith("-")
        if not is_known and not ctx.resilient_parsing:  # which is how a shell asks what it may be
            near = nearest(args[0], self._summaries)
            meant = f" Fix: {ctx.command_path} {shlex.join([near, *args[1:]])}" if near else ""
            ctx.fail(f"expected a command, got {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click
        """Return a command, None when there is none of that name."""
        if cmd_name not in self._summaries:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
        module = self._elsewhere.get(cmd_name, f"{self._package}.{name}")
        command = import_module(module).command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))
