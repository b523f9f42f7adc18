"""docs/case.md and `amn case keys` are made from the sections of case.toml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from amn.case.config import CaseConfig
from amn.case.keys import keys, to_markdown
from amn.case.section import Section
from amn.cli.main import cli

if TYPE_CHECKING:
    from pydantic import BaseModel

PAGE = Path(__file__).parents[3] / "docs" / "case.md"


def fields(model: type[BaseModel]) -> int:
    """Count the keys below a section by its JSON schema, another way than by its annotations."""
    schema = model.model_json_schema()
    tables = schema.get("$defs", {})

    def count(shape: dict[str, object]) -> int:
        total = 0
        for one in shape["properties"].values():  # type: ignore[attr-defined]
            refs = str(one).split("#/$defs/")[1:]
            name = refs[0].split("'")[0] if refs else ""
            total += count(tables[name]) if name else 1
        return total

    return count(schema)


def test_the_page_is_the_one_that_the_command_makes() -> None:
    result = CliRunner().invoke(cli, ["case", "keys", "--format", "markdown"])

    assert result.exit_code == 0
    assert result.stdout == to_markdown() == PAGE.read_text("utf-8")


def test_every_key_is_there_once_and_says_what_it_means() -> None:
    names = [key.name for key in keys()]

    assert len(names) == len(set(names)) == fields(CaseConfig)
    assert [key.name for key in keys() if not key.what or not key.values] == []


def test_a_key_without_a_word_of_what_it_means_is_seen() -> None:
    class Half(Section):
        """A section.

        Attributes:
            told: What it
                means, in two lines.
        """

        told: int = 3
        silent: str

    assert [(key.name, key.default, key.what) for key in keys(Half)] == [
        ("told", "3", "What it means, in two lines."),
        ("silent", "required", ""),
    ]


def test_the_list_in_the_terminal_has_every_key() -> None:
    lines = CliRunner().invoke(cli, ["case", "keys"]).stdout.splitlines()

    assert len(lines) == 2 * len(list(keys()))
    assert "training.abort.drop = 0.05" in lines
