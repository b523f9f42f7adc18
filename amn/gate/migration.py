"""A golden of an earlier version completed with what the data say: nothing is trained."""

from __future__ import annotations

from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING

from amn.errors import GoldenError
from amn.gate.articles import articles_of
from amn.gate.modes import GateOptions, gate_of
from amn.golden.compare import profile_of, vector_changes
from amn.golden.former import parse_former, with_articles
from amn.golden.schema import Ended, Golden
from amn.golden.store import GOLDEN_FILE, REFERENCES_KEPT, table_digest
from amn.storage import canonical_json, finite, sha256_of
from amn.system import CACHE_FOLDER

if TYPE_CHECKING:
    from datetime import date

    from amn.case.load import Case
    from amn.gate.run import Gate

SAME_VECTORS_ATOL = 1e-5  # of the mean of a reference predictor, on another machine: below 1e-6


def migrated(case: Case, record: bytes, cosines: bytes, *, today: date) -> Golden:
    """Return a golden of schema 1 as one of this schema.

    Raises:
        GoldenError: If it is damaged, or the data or the splits of the case are not those that it
            was measured on.
        DataError: If the data cannot be read.
    """
    from amn.training.plan import score_plan_references  # noqa: PLC0415 - loads torch

    former, path = parse_former(record, cosines, case.folder), case.folder / GOLDEN_FILE
    evidence = _same_data(case, former, today).evidence
    references = score_plan_references(evidence["plan"]).judged
    golden = with_articles(
        former, evidence.call(articles_of, values={}, references=references, slices=())
    )
    for split, table in former.tables.items():
        if golden.tables[split].judged().spans != table.spans:
            raise GoldenError(path, f"{split}: expected the windows of the case, got others")
        means = former.record.metrics[split].references
        for name in REFERENCES_KEPT:
            got, said = float(references[split][name].mean()), means.get(name)
            if said is not None and not abs(got - said) <= SAME_VECTORS_ATOL:
                message = f"expected {name} to score {said:.6f} in {split}, got {got:.6f}"
                raise GoldenError(path, f"{message}: the data are others")
    return golden


def profiled(case: Case, golden: Golden, *, today: date) -> Golden:
    """Return a golden with the profile of its data, sketches of articles, and how checks ended.

    How a check of the data ended is filled in where the golden does not say it.

    Raises:
        GoldenError: If the data or the splits of the case are not those that it was measured on.
        DataError: If the data cannot be read.
    """
    gate = _same_data(case, golden, today)
    now = gate.evidence.call(articles_of, values={}, references=None, slices=())
    changes = vector_changes(golden.tables, now)
    if changes:
        others = ", ".join(f"{len(keys)} {kind}" for kind, keys in changes.kinds.items())
        message = (
            f"expected the vectors that it was measured on, got articles with others: {others}"
        )
        fix = f"amn golden update {quote(case.name)} --reason TEXT"
        raise GoldenError(case.folder / GOLDEN_FILE, f"{message}. Fix: {fix}")
    vectors = {
        split: dict(zip(t.articles.tolist(), t.vectors, strict=True)) for split, t in now.items()
    }
    tables = {
        split: replace(t, vectors=tuple(vectors[split][a] for a in t.articles.tolist()))
        for split, t in golden.tables.items()
    }
    outcomes = gate.before_training()
    found = {o.label: Ended(o.status, finite(o.number)) for o in outcomes}
    old = golden.record
    data = {label: e if e.status else found.get(label, e) for label, e in old.ended.data.items()}
    update = {
        "ended": old.ended.model_copy(update={"data": data}),
        "digests": old.digests.model_copy(update={"table": table_digest(tables)}),
        "profile": profile_of(outcomes),
    }
    return Golden(old.model_copy(update=update), tables)


def _same_data(case: Case, golden: Golden, today: date) -> Gate:
    """Return the gate of a case whose data pass, and are those that a golden was measured on.

    Raises:
        GoldenError: If they do not, or are others.
    """
    gate = gate_of(case, GateOptions(cache=CACHE_FOLDER, first_run=True, today=today))
    evidence, failed = gate.evidence, [o.label for o in gate.before_training() if o.has_failed]
    if failed:
        message = f"expected data that pass every check before training, got {', '.join(failed)}"
        raise GoldenError(case.folder, f"{message}. Fix: amn gate {quote(case.name)} --first-run")
    digests, path = golden.record.digests, case.folder / GOLDEN_FILE
    articles = {name: split.articles.tolist() for name, split in evidence["splits"].items()}
    now = {
        "dataset": evidence["data_sets"][0].digest,
        "splits": sha256_of(canonical_json(articles)),
    }
    for name, digest in now.items():
        said = getattr(digests, name)
        if digest != said:
            message = (
                f"expected the {name} that it was measured on, {said[:12]}…, got {digest[:12]}…"
            )
            fix = "git checkout the data and the case, or the amn that wrote it"
            raise GoldenError(path, f"{message}. Fix: {fix}")
    return gate
