"""Every install line of the docs installs this project, and the base runs on every Python.

Lines are typed as they stand, but for the address: a clone of this checkout stands for the server.
Dependencies are those of the running Python (`--no-deps`), so that no line needs a network; pip
itself fetches the build backend, where it is not cached.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from amn.cli.workflows.init import render_workflow
from amn.system import __version__

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TYPED = re.compile(r"pip install (?:-c \S+ )?(\"[^\"\n]+\"|'[^'\n]+'|\S+)")
URL = "git+https://github.com/YOU/amn@COMMIT"
INTERPRETERS = ("3.11", "3.12", "3.13")


def install_lines() -> dict[str, str]:
    """What pip is told to install, by where that is said."""
    found = {}
    for page in PAGES:
        for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
            for match in TYPED.finditer(line):
                found[f"{page.name}:{number}"] = match[1].strip("\"'`,")
    guide = (ROOT / "docs/guide.md").read_text("utf-8")
    found["guide, a wheel"] = re.findall(r"\(`(\S+\.whl\[all\])`\)", guide)[0]
    found["guide, a checkout"] = re.findall(r"a checkout \(`'(\S+)'`\)", guide)[0]
    workflow = render_workflow("github", branch="main", source=URL)
    found["workflow"] = re.findall(r"^  AMN: (.+)$", workflow, re.MULTILINE)[0].strip("\"'")
    return found


def ours() -> dict[str, str]:
    """The lines that install this project; others bring packages of its extras."""
    return {place: said for place, said in install_lines().items() if re.search(r"amn|^\.", said)}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(  # noqa: S603 - our own words
        command, cwd=cwd, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server has: the last commit, and nothing that is not committed."""
    folder = tmp_path_factory.mktemp("server") / "amn"
    run("git", "clone", "--quiet", ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with pip and our dependencies, and without us."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "theirs.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def wheel(clone: Path, bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(bare / "bin/python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, clone)
    (file,) = folder.iterdir()
    return file


def test_no_line_installs_by_a_name_that_is_not_ours() -> None:
    said = ours().values()

    assert len(said) >= 5
    assert [one for one in said if re.fullmatch(r"amn(-gate)?(\[\w+\])?(==\S+)?", one)] == []


@pytest.mark.parametrize("place", ours())
def test_a_line_installs_this_commit(
    place: str, clone: Path, bare: Path, wheel: Path, tmp_path: Path
) -> None:
    commit = run("git", "rev-parse", "HEAD", cwd=clone).strip()
    said = ours()[place].replace(URL, f"git+file://localhost{clone}@{commit}")
    shutil.copy(wheel, tmp_path)  # what a person has downloaded
    there = clone if said.startswith(".[") else tmp_path

    run(bare / "bin/python", "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", said,
        cwd=there)  # fmt: skip

    asked = "import amn, amn.errors as e; print(amn.__file__, e.bring('train'))"
    assert run(bare / "bin/amn", "--version", cwd=tmp_path) == f"amn, version {__version__}\n"
    file, fix = run(bare / "bin/python", "-c", asked, cwd=tmp_path).split(maxsplit=1)
    assert Path(file).is_relative_to(bare)
    assert fix == "pip install 'torch>=2.4'\n"


def interpreter(version: str) -> str | None:
    """Return a Python of a version that runs here."""
    name = f"python{version}"
    places = [
        shutil.which(name),
        *sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/{name}")),
    ]
    for place in filter(None, places):
        done = subprocess.run([place, "-V"], capture_output=True, check=False)  # noqa: S603 - found above
        if done.returncode == 0:
            return str(place)
    return None


@pytest.mark.parametrize("version", INTERPRETERS)
def test_the_base_checks_a_data_set_on_every_python(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    run(python, "-m", "venv", tmp_path / "venv")
    constraints = ROOT / "ci/constraints.txt"
    command = [tmp_path / "venv/bin/python", "-m", "pip", "install", "-q", "-c", constraints, wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        pytest.skip(f"the base cannot be fetched for Python {version}: {done.stderr[-200:]}")

    said = run(tmp_path / "venv/bin/amn", "check", "data", ROOT / "golden/wiki-mini/data")

    assert "PARTIAL (data only): " in said.splitlines()[-1]
