"""Defects of how a golden is kept: its ledger, its waivers, what lies beside it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from amn.checks.evidence.limits import CustodyEvidence
from amn.config import EVALUATED
from amn.findings import Status
from amn.golden.ledger import LEDGER_FILE
from amn.golden.schema import Golden, GoldenSplit, summarise
from amn.golden.store import GOLDEN_FILE, cosines_digest, read_golden, write_golden
from amn.golden.waivers import WAIVERS_FILE
from amn.places import GOLDEN_FOLDER
from amn.review import Loosening, Review
from amn.selftest.defects import Defect, in_golden
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amn.gate.session import GateSession
    from amn.checks.broken.copies import CaseCopy
    from amn.selftest.lab import Lab

LOOSENS = frozenset({Status.LOOSENED})
TODAY = date(2026, 3, 1)  # of the waivers below, not of the test
WAIVER = """[[waiver]]
check = "{check}"
reason = "until the encoder is mended"
owner = "somebody"
created = {created}
expires = {expires}
"""


def _rewrite_last_line(copy: CaseCopy, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the last entry of the ledger; its hash stays what it was."""
    path = copy.folder / LEDGER_FILE
    *before, last, _ = path.read_bytes().split(b"\n")
    values = json.loads(last)
    change(values)
    copy.own(path).write_bytes(b"\n".join([*before, canonical_json(values), b""]))


def ledger_edited(copy: CaseCopy) -> None:
    """Give the last acceptance another reason with an editor."""
    _rewrite_last_line(copy, lambda values: values.update(reason="as agreed"))


def ledger_begins_later(copy: CaseCopy) -> None:
    """Delete the first entry, and make the second one look like what follows it."""

    def follow(values: dict[str, Any]) -> None:
        values.update(number=1, previous=values["hash"])
        bare = {key: value for key, value in values.items() if key != "hash"}
        values["hash"] = sha256_of(canonical_json(bare))

    _rewrite_last_line(copy, follow)


def ledger_gone(copy: CaseCopy) -> None:
    """Remove the ledger."""
    (copy.folder / LEDGER_FILE).unlink()


def golden_past_the_ledger(copy: CaseCopy) -> None:
    """Write a golden.json that reads the same and is none that was accepted."""
    path = copy.folder / GOLDEN_FILE
    copy.own(path).write_bytes(path.read_bytes() + b"\n")


def accepted_lower_and_lower(copy: CaseCopy) -> None:
    """Accept three goldens, each a little lower, until the budget for drift is spent."""
    step = 0.4 * copy.config.golden.drift_budget
    for _ in range(3):
        golden = read_golden(copy.folder)
        splits = {
            name: GoldenSplit(split.cosines - step, split.article_ids, split.target_chunks)
            for name, split in golden.splits.items()
        }
        metrics = {
            name: summarise(splits[name], se=m.se, references=m.references)
            for name, m in golden.record.metrics.items()
        }
        digests = golden.record.digests.model_copy(update={"cosines": cosines_digest(splits)})
        record = golden.record.model_copy(update={"metrics": metrics, "digests": digests})
        write_golden(copy.folder, Golden(record, splits))


def waived(id_: str, title: str, check: str, created: str, expires: str) -> Defect:
    """Return a defect of waivers.toml."""

    @contextmanager
    def inject(lab: Lab) -> Iterator[GateSession]:
        with lab.copy() as copy:
            text = WAIVER.format(check=check, created=created, expires=expires)
            (copy.folder / WAIVERS_FILE).write_text(text, "utf-8")
            options = replace(lab.clean.options, today=TODAY)
            yield lab.clean.judging(lab.clean.candidates, case=copy.case, options=options)

    return Defect(id_, "G011", title, inject)


@contextmanager
def _orphan(lab: Lab) -> Iterator[GateSession]:
    """Leave the golden of a case that is gone beside this one."""
    with lab.copy() as copy:
        beside = copy.folder / GOLDEN_FOLDER
        moved = copy.clone(beside / lab.pristine.folder.name)
        (beside / "gone").mkdir()
        (beside / "gone" / GOLDEN_FILE).write_bytes(b"{}")
        yield lab.clean.judging(lab.clean.candidates, case=moved.case)


@contextmanager
def _loosened(lab: Lab) -> Iterator[GateSession]:
    """Review a change that lowered a floor."""
    floors = [getattr(lab.pristine.config.criteria, split) for split in EVALUATED]
    old = next((floor for floor in floors if isinstance(floor, float)), 0.6)
    where = f"{lab.pristine.folder.name}/case.toml criteria.ood"
    lowered = Loosening("lowered a floor", where, str(old), str(old - 0.05))
    review = Review(target="main", base="0" * 40, loosenings=(lowered,))
    session = lab.clean.judging(lab.clean.candidates)
    vars(session)["custody"] = CustodyEvidence(session.case, lambda: review)
    yield session


DEFECTS = (
    in_golden("ledger-edited", "G008", "an entry of the ledger was edited", ledger_edited),
    in_golden("ledger-cut", "G008", "the first entry of the ledger is gone", ledger_begins_later),
    in_golden("ledger-gone", "G008", "the ledger was removed", ledger_gone),
    in_golden("golden-unentered", "G009", "golden.json is no accepted one", golden_past_the_ledger),
    Defect("loosened", "G010", "the change lowered a floor", _loosened, LOOSENS),
    waived("waiver-expired", "a waiver has expired", "C002", "2026-01-01", "2026-01-20"),
    waived("waiver-of-custody", "a waiver of the ledger", "G008", "2026-02-20", "2026-03-10"),
    in_golden(
        "drift-by-steps", "G012", "goldens were accepted lower and lower", accepted_lower_and_lower
    ),
    Defect("orphan-golden", "G013", "a golden without a case lies beside it", _orphan),
)
