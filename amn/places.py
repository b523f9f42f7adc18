"""Where things are in a user's project. pytest imports it at its start, so it imports little."""

from __future__ import annotations

from pathlib import Path

CASE_FILE = "case.toml"
GOLDEN_FOLDER = Path("golden")  # golden/<case>/case.toml
CACHE_FOLDER = Path(".amn") / "runs"  # finished runs, by content
