"""amn is light to import: torch and faiss are loaded when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import amn

HEAVY = "print(sorted({'torch', 'faiss'} & set(sys.modules)))"
HELP = (
    "import sys; sys.argv = ['amn', '--help']\n"
    "import contextlib, io, amn.cli.main\n"
    "text = io.StringIO()\n"
    "with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):\n"
    "    amn.cli.main.main()\n"
    "assert 'Commands' in text.getvalue()\n"
)


@pytest.mark.parametrize(
    "code", ["import sys, amn", "import sys, amn.pytest_plugin", HELP], ids=["amn", "plugin", "cli"]
)
def test_neither_torch_nor_faiss_is_loaded(code: str) -> None:
    command = [sys.executable, "-c", f"{code}\n{HEAVY}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - own code

    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


def test_the_command_shows_its_help() -> None:
    command = [sys.executable, "-m", "amn.cli.main", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - own code

    assert done.returncode == 0
    assert "amn gate wiki-mini" in done.stdout


@pytest.mark.parametrize("name", amn.__all__)
def test_an_exported_name_resolves(name: str) -> None:
    assert getattr(amn, name) is not None
    assert name in dir(amn)


def test_every_lazy_name_is_exported() -> None:
    assert sorted([*amn._HOME, "__version__", "gate"]) == sorted(amn.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'amn' has no attribute 'gaet'$"):
        getattr(amn, "gaet")  # noqa: B009 - mypy would refuse the attribute
