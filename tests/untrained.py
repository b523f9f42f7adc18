"""Networks that learned nothing, or next to nothing, and the gates that judge them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from amn.case.load import Case, load_case
from amn.gate.modes import GateOptions, gate_of
from amn.gate.run import Gate
from amn.training.checkpoint import save_checkpoint
from amn.training.loop import train
from amn.training.networks.build import build_model
from amn.training.scorer import from_checkpoint
from amn.training.speed import UNSTOPPABLE
from amn.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amn.gate.result import GateResult
    from amn.training.plan import Plan

KINDS = ("amn recency", "amn original", "gru regularised", "lstm original", "transformer original")
STEPS = (0, 1, 3, 10, 30)  # of few windows, at rates that come to nothing
RATES = (-9.0, -5.0)  # powers of ten
CASE = """schema = 1
[dataset]
path = "{data}"
[split]
in_dist = {{ fraction = 0.2, seed = 0 }}
ood = {{ articles = "{ood}" }}
[model]
kind = "{kind}"
recipe = "{recipe}"
[criteria]
in_dist = 0.0
ood = 0.0
delta = [-1, 1]
"""


def case_of(folder: Path, data: Path, ood: str, kind: str) -> Case:
    """Write a case whose floors everything reaches: what is left is skill."""
    name, recipe = kind.split()
    folder.mkdir(parents=True)
    (folder / "case.toml").write_text(CASE.format(data=data, ood=ood, kind=name, recipe=recipe))
    return load_case(folder)


def results(case: Case, folder: Path, n: int, seed: int) -> Iterator[tuple[str, GateResult]]:
    """Gate n networks of a case, and say what each is; rows are checked once."""
    rng = np.random.default_rng(seed)
    plan: Plan | None = None
    whole: Gate | None = None
    for i in range(n):
        steps, rate = int(rng.choice(STEPS)), float(10 ** rng.uniform(*RATES))
        if plan is None:
            options = GateOptions(
                cache=folder / "runs", checkpoint=folder / "0.safetensors", first_run=True
            )
            whole = gate_of(case, options)
            plan = whole.evidence["plan"]
        file = folder / f"{i}.safetensors"
        _save(plan, file, steps, rate, seed=seed + i)
        candidates = from_checkpoint(plan, file)
        gate = Gate(whole.evidence.with_(candidates=candidates), whole.about)
        yield f"{plan.spec.architecture}, {steps} steps at {rate:.1e}", gate.result()


def _save(plan: Plan, file: Path, steps: int, rate: float, seed: int) -> None:
    """Train a network for some steps, none included, and keep it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_model(plan.spec).eval()
    if steps:
        few = plan.train.take(slice(32 * steps))
        changes = {"epochs": 1, "lr": rate, "batch_size": 32, "stretch": 1, "warmup_epochs": 0.0}
        config = plan.config.training.model_copy(update={**changes, "early_stopping": None})
        held = plan.validation.take(slice(64))
        model = train(plan.spec, few, held, config, seed=seed, references=UNSTOPPABLE).model
    save_checkpoint(file, model, plan.spec, articles=plan.seen_articles(), provenance={})


def has_passed(result: GateResult) -> bool:
    """Tell whether nothing that was looked at keeps it from being merged."""
    return result.judged not in (Verdict.FAIL, Verdict.HARNESS)
