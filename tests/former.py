"""Goldens as schema 1 had them: golden.json, and every window's cosine in golden.npz."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.checks.comparison import GUARDED
from amn.evaluation.storage import pack_arrays
from amn.golden.ledger import LEDGER_FILE
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from amn.evaluation.storage import Evaluation
    from amn.golden.schema import GoldenRecord

DTYPES = {"cosines": "<f8", "article_ids": "<i8", "target_chunks": "<i4"}


def former_files(
    record: GoldenRecord, windows: Mapping[str, Mapping[str, Any]]
) -> tuple[bytes, bytes]:
    """Return golden.json and golden.npz of schema 1.

    Args:
        record: What they say, in this schema.
        windows: split -> cosines (S, N), article_ids (N,) and target_chunks (N,).
    """
    arrays = {
        f"{split}_{name}": np.asarray(windows[split][name], dtype)
        for split in sorted(windows)
        for name, dtype in DTYPES.items()
    }
    cosines = pack_arrays(arrays)
    new = json.loads(record.to_bytes())
    digests = {k: v for k, v in new["digests"].items() if k not in ("table", "models")}
    old = {
        "schema": 1,
        "case": new["case"],
        "title": new["title"],
        **new["accepted"],
        "metrics": {
            split: {**metrics, **_means(arrays[f"{split}_cosines"], metrics)}
            for split, metrics in new["metrics"]["cosine"].items()
        },
        "seeds": new["seeds"],
        "tolerances": new["tolerances"],
        "checks": [label for label in record.checks if label[:4] not in GUARDED.values()],
        "digests": {**digests, "cosines": sha256_of(cosines)},
        "artefacts": new["digests"]["models"],
        "versions": new["versions"],
        "config": new["config"],
    }
    if new["numerics"]["values"]:
        old["numerics"] = {k: v for k, v in new["numerics"].items() if k != "class"}
    return (json.dumps(old, indent=2) + "\n").encode(), cosines


def _means(cosines: Any, metrics: dict[str, Any]) -> dict[str, Any]:
    """The figures that follow from cosines, with every digit: schema 1 did not round."""
    per_seed = cosines.mean(axis=1).tolist()
    mean = float(np.mean(per_seed))
    lift = mean - metrics["references"]["mean"]
    return {"mean": mean, "per_seed": per_seed, "lift": lift}


def windows_of(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, Any]]:
    """What schema 1 kept of the scores of some seeds."""
    return {
        split: {
            "cosines": np.stack([one.scores[split].cosines for one in evaluations]),
            "article_ids": scores.article_ids,
            "target_chunks": scores.target_chunks,
        }
        for split, scores in evaluations[0].scores.items()
    }


def write_former(
    folder: Path,
    record: GoldenRecord,
    windows: Mapping[str, Mapping[str, Any]],
    change: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Write a golden of schema 1 and its ledger, as the version before this one did."""
    content, cosines = former_files(record, windows)
    values = json.loads(content)
    if change:
        change(values)
        content = json.dumps(values, indent=2).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "golden.csv").unlink(missing_ok=True)
    (folder / "golden.json").write_bytes(content)
    (folder / "golden.npz").write_bytes(cosines)
    kept = ("mean", "se", "windows", "articles")
    bare = {
        "schema": 1,
        "number": 0,
        "kind": "accepted",
        "case": values["case"],
        "time": f"{values['created']}T00:00:00+00:00",
        "author": values["author"],
        "reason": values["reason"],
        "commit": None,
        "verdict": "PASS",
        "accepted_regression": False,
        "metrics": {s: {k: m[k] for k in kept} for s, m in values["metrics"].items()},
        "seeds": values["seeds"],
        "margin": values["tolerances"]["margin"],
        "alpha": values["tolerances"]["alpha"],
        "digests": {
            "golden": sha256_of(content),
            **{k: v for k, v in values["digests"].items() if k != "splits"},
        },
        "previous": None,
    }
    line = canonical_json({**bare, "hash": sha256_of(canonical_json(bare))})
    (folder / LEDGER_FILE).write_bytes(line + b"\n")
