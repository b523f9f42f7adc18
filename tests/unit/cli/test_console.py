from __future__ import annotations

from typing import TYPE_CHECKING

from amn.cli import console

if TYPE_CHECKING:
    import pytest


def test_a_log_gets_a_line_now_and_then_with_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.0, 10.0, 40.0, 41.0, 80.0])
    monkeypatch.setattr("amn.cli.console.time.monotonic", lambda: next(clock))

    with console.progress_bar() as progress:
        progress(100, 1000, "encoding rows")
        progress(200, 1000, "encoding rows")
        progress(500, 1000, "encoding rows")
        progress(600, 1000, "encoding rows")
        progress(7, None, "reading pages")

    assert capsys.readouterr().err == (
        "encoding rows: 500 of 1,000, about 0:00:50 left\nreading pages: 7\n"
    )


def test_short_work_leaves_nothing_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress_bar() as progress:
        progress(1, 2, "encoding rows")

    assert capsys.readouterr().err == ""
