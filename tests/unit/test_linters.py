"""What the linters look at is what is tracked: a file that none of them opens cannot be red."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".py", ".pyi", ".ipynb")


def _tracked(*folders: str) -> set[str]:
    found = subprocess.run(  # noqa: S603 - fixed words
        ["git", "ls-files", "-z", "-co", "--exclude-standard", "--", *folders],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = found.stdout.decode().split("\0")
    return {name for name in names if name.endswith(SUFFIXES) and (ROOT / name).exists()}


def test_ruff_opens_every_tracked_file() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--show-files", "."],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    seen = {str(Path(line).relative_to(ROOT)) for line in shown.stdout.decode().splitlines()}
    tracked = _tracked()
    assert len(tracked) > 500
    assert tracked - seen == set()


def test_no_setting_of_ruff_hides_a_file_or_a_whole_file_from_every_rule() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]
    hiding = {"exclude", "extend-exclude", "include", "force-exclude"}
    assert not hiding & (ruff.keys() | ruff["lint"].keys() | ruff.get("format", {}).keys())
    assert all("ALL" not in rules for rules in ruff["lint"]["per-file-ignores"].values())


def test_mypy_opens_every_module_of_the_package() -> None:
    from mypy.config_parser import parse_config_file  # noqa: PLC0415 - slow
    from mypy.modulefinder import FindModuleCache, SearchPaths  # noqa: PLC0415
    from mypy.options import Options  # noqa: PLC0415

    options = Options()
    parse_config_file(options, lambda: None, str(ROOT / "pyproject.toml"))
    cache = FindModuleCache(SearchPaths((str(ROOT),), (), (), ()), None, options)
    sources = [s for name in options.packages or () for s in cache.find_modules_recursive(name)]
    seen = {str(Path(s.path).resolve().relative_to(ROOT)) for s in sources if s.path}
    assert not options.exclude
    assert not any(options.per_module_options.get(name, {}).get("ignore_errors") for name in seen)
    assert _tracked("amn") - seen == set()


def test_import_linter_follows_every_module_of_the_package() -> None:
    grimp = pytest.importorskip("grimp", reason="import-linter brings it: .[dev]")
    seen = {name.replace(".", "/") for name in grimp.build_graph("amn", cache_dir=None).modules}
    wanted = {name.removesuffix(".py").removesuffix("/__init__") for name in _tracked("amn")}
    assert len(wanted) > 80
    assert wanted - seen == set()


def test_every_room_is_in_the_contract_of_the_layers() -> None:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = next(c["layers"] for c in tables["contracts"] if c["type"] == "layers")
    named = {name.strip() for layer in layers for name in layer.split("|")}
    rooms = {
        f"amn.{path.stem}" for path in (ROOT / "amn").iterdir()
        if (path.suffix == ".py" and path.stem not in {"__init__", "__main__"})
        or (path / "__init__.py").exists()
    }  # fmt: skip
    assert rooms - named == set()
