from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from amn.cli import main


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "data/x"),
            "data/x: expected a file that can be read and written, got: No space left on device",
        ),
        (
            OSError("odd"),
            "standard output, or a file: expected a file that can be read and written, got: odd",
        ),
    ],
)
def test_a_full_disk_is_one_line_and_no_defect_of_amn(
    error: OSError,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)

    with pytest.raises(SystemExit) as caught:
        main.main()

    assert caught.value.code == 3
    assert capsys.readouterr().err == f"ERROR: {message}. Nothing was left half-written\n"


def test_a_reader_that_stops_reading_is_no_fail() -> None:
    words = [sys.executable, "-m", "amn", "rules"]
    with subprocess.Popen(  # noqa: S603 - this Python, fixed words
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.close()
        _, said = process.communicate()

    assert process.returncode == 141
    assert said == b""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_of_the_guide_gets_its_completion(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    guide = (Path(__file__).parents[3] / "docs/guide.md").read_text("utf-8")
    monkeypatch.setattr(sys, "argv", ["amn"])
    monkeypatch.setenv("COMP_WORDS", "amn ga")
    monkeypatch.setenv("COMP_CWORD", "ga" if shell == "fish" else "1")
    answers = {}
    for asked in ("source", "complete"):
        monkeypatch.setenv("_AMN_COMPLETE", f"{shell}_{asked}")
        with pytest.raises(SystemExit):
            main.main()
        answers[asked] = capsys.readouterr().out

    assert f"_AMN_COMPLETE={shell}_source amn" in guide
    assert "_amn_completion" in answers["source"]
    assert "gate" in answers["complete"]
