"""Indexes that a test has written itself."""

from __future__ import annotations

import pytest


@pytest.fixture
def _written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are whole: faiss opens them here, and not in a process of its own before."""
    monkeypatch.setattr("amn.data.index.reader._probe", lambda *_: None)
