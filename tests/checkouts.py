"""A case.toml over the toy data, and git that reads no settings of the user."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CASE_TEXT = """\
schema = 1
title = "toy"
[dataset]
path = "../../data"
[split]
in_dist = { articles = "41-52" }
ood = { articles = "53-64" }
[windows]
context = 3
[model]
attention_dim = 8
hidden_dim = 16
[training]
epochs = 3
lr = 0.003
batch_size = 128
seeds = [0, 1, 2]
[criteria]
in_dist = 0.3
ood = 0.3
delta = [-0.3, 0.3]
lift = -0.05
"""


def git(root: Path, *words: str) -> str:
    """Run git in a folder and return what it printed."""
    settings = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(  # noqa: S603 - git with fixed words
        ["git", *settings, *words],  # noqa: S607 - the user's git
        cwd=root, env=environment, capture_output=True, check=True, text=True,
    )  # fmt: skip
    return done.stdout


def commit(root: Path, message: str = "change") -> None:
    """Commit what is there, also where nothing is new."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)


def begin_change(root: Path, *, target: str = "main") -> None:
    """Make a repository of a folder: what is there is `target`, and the branch is `change`."""
    git(root, "init", "-q", "-b", target, "--template=")
    commit(root, target)
    git(root, "checkout", "-q", "-b", "change")
