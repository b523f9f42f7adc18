from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from amn import errors
from amn.errors import (
    AmnError,
    ArgumentError,
    ConfigError,
    MissingDependencyError,
    in_words,
    mended_by,
    require,
    shown,
)

PATH = Path("golden") / "wiki" / "golden.json"


@pytest.mark.parametrize("kind", [errors.DataError, errors.GoldenError, errors.CheckpointError])
def test_an_error_about_a_file_names_and_carries_it(kind: Any) -> None:
    error = kind(PATH, "expected X, got Y")

    assert str(error) == f"{PATH}: expected X, got Y"
    assert error.path == PATH


def test_a_config_error_lists_every_problem_on_its_own_line() -> None:
    error = ConfigError(PATH, ["a: unknown", "b: expected above 0, got 0"])

    assert error.problems == ("a: unknown", "b: expected above 0, got 0")
    assert str(error) == f"{PATH}: 2 problems\n  - a: unknown\n  - b: expected above 0, got 0"


def test_everything_amn_raises_has_one_base() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, Exception)
        and kind.__module__ == "amn.errors"
    ]

    assert len(kinds) >= 9
    assert all(issubclass(kind, AmnError) for kind in kinds)


def test_a_bad_argument_is_also_a_value_error_and_a_missing_package_an_import_error() -> None:
    assert issubclass(ArgumentError, ValueError)
    assert issubclass(MissingDependencyError, ImportError)


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(MissingDependencyError, match=r"no_such: .* 'faiss-cpu>=1"):
        require("no_such", extra="index")


def test_an_installed_package_is_returned() -> None:
    assert require("json", extra="index").__name__ == "json"


def test_a_package_that_is_installed_but_broken_says_so_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed.py").write_text("import no_such_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "half_installed", raising=False)

    with pytest.raises(ModuleNotFoundError, match="no_such_dependency") as caught:
        require("half_installed", extra="index")
    assert not isinstance(caught.value, MissingDependencyError)


@pytest.mark.parametrize("kind", [errors.DataError, errors.GoldenError, errors.CheckpointError])
def test_an_error_comes_back_whole_from_another_process(kind: Any) -> None:
    error = pickle.loads(pickle.dumps(kind(PATH, "expected X, got Y")))  # noqa: S301 - our own bytes

    assert type(error) is kind
    assert error.path == PATH
    assert str(error) == f"{PATH}: expected X, got Y"


def test_a_config_error_comes_back_whole_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(ConfigError(PATH, ["a: unknown"])))  # noqa: S301 - our own bytes

    assert error.problems == ("a: unknown",)
    assert str(error) == f"{PATH}: a: unknown"


@pytest.mark.parametrize("kind", [errors.DataError, errors.GoldenError, errors.CheckpointError])
def test_an_error_without_a_way_out_gets_the_one_of_what_was_called(kind: Any) -> None:
    with pytest.raises(kind) as caught, mended_by("amn train CASE"):
        raise kind(PATH, "expected X, got Y")

    assert str(caught.value) == f"{PATH}: expected X, got Y. Fix: amn train CASE"
    assert caught.value.path == PATH


def test_a_way_out_that_is_named_already_stays() -> None:
    with pytest.raises(errors.DataError) as caught, mended_by("amn train CASE"):
        raise errors.DataError(PATH, "expected X, got Y. Fix: git checkout")

    assert str(caught.value) == f"{PATH}: expected X, got Y. Fix: git checkout"


def test_a_message_holds_the_beginning_of_a_long_value_and_one_line_of_a_foreign_error() -> None:
    assert shown("x" * 500) == "'" + "x" * 59 + "…"
    assert shown(7.5) == "7.5"
    assert in_words(UnicodeDecodeError("utf-8", b"secret\xff", 6, 7, "bad")) == (
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 6: bad"
    )
    assert in_words(ValueError("two\nlines")) == "ValueError: two lines"
