"""A golden of schema 1 completed with what the data of its case say: nothing is trained."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from amn.errors import GoldenError
from amn.gate.articles import articles_of
from amn.gate.modes import GateOptions, gate_of
from amn.golden.former import parse_former, with_articles
from amn.golden.store import GOLDEN_FILE, REFERENCES_KEPT
from amn.storage import canonical_json, sha256_of
from amn.system import CACHE_FOLDER

if TYPE_CHECKING:
    from datetime import date

    from amn.case.load import Case
    from amn.golden.schema import Golden

SAME_VECTORS_ATOL = 1e-5  # as `G003` has it: of the mean of a reference predictor


def migrated(case: Case, record: bytes, cosines: bytes, *, today: date) -> Golden:
    """Return a golden of schema 1 as one of this schema.

    Raises:
        GoldenError: If it is damaged, or the data or the splits of the case are not those that it
            was measured on.
        DataError: If the data cannot be read.
    """
    from amn.training.plan import score_plan_references  # noqa: PLC0415 - loads torch

    former = parse_former(record, cosines, case.folder)
    gate = gate_of(case, GateOptions(cache=CACHE_FOLDER, first_run=True, today=today))
    evidence, failed = gate.evidence, [o.label for o in gate.before_training() if o.has_failed]
    if failed:
        message = f"expected data that pass every check before training, got {', '.join(failed)}"
        raise GoldenError(case.folder, f"{message}. Fix: amn gate {quote(case.name)} --first-run")
    digests, path = former.record.digests, case.folder / GOLDEN_FILE
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
    references = score_plan_references(evidence["plan"]).judged
    golden = with_articles(former, articles_of(evidence, {}, references))
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
