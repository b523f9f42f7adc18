"""Defects of a golden, of the settings beside it, and checks that do not look."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn.errors import CheckNotRunError
from amn.evaluation.numerics import machine, numeric_values
from amn.golden.schema import Golden, GoldenSplit, Numerics, summarise
from amn.golden.store import COSINES_FILE, GOLDEN_FILE, cosines_digest, read_golden, write_golden
from amn.selftest.defects import WARNS, Defect, in_check, in_golden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from amn.findings import Measured
    from amn.gate.session import GateSession
    from amn.checks.broken.copies import CaseCopy
    from amn.selftest.lab import Lab


def golden_of_windows(
    golden: Golden,
    chosen: dict[str, NDArray[np.bool_]],
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> Golden:
    """Return a golden of some windows of each split, with every digest right.

    Args:
        chosen: split -> (N,) bool; a split that is not named keeps all its windows.
        references: split -> reference predictor -> its mean cosine on these windows; None leaves
            what they scored on all of them.
    """
    splits = {
        name: GoldenSplit(
            split.cosines[:, chosen[name]],
            split.article_ids[chosen[name]],
            split.target_chunks[chosen[name]],
        )
        if name in chosen
        else split
        for name, split in golden.splits.items()
    }
    old = golden.record
    metrics = {
        name: summarise(
            splits[name], se=m.se, references=(references or {}).get(name, m.references)
        )
        for name, m in old.metrics.items()
    }
    digests = old.digests.model_copy(update={"cosines": cosines_digest(splits)})
    return Golden(old.model_copy(update={"metrics": metrics, "digests": digests}), splits)


def edited_by_hand(copy: CaseCopy) -> None:
    """Lower the golden's OOD mean with an editor."""

    def change(record: dict[str, Any]) -> None:
        record["metrics"]["ood"]["mean"] -= 0.05

    copy.change_json(copy.folder / GOLDEN_FILE, change)


def cosines_damaged(copy: CaseCopy) -> None:
    """Flip one bit of the golden's cosines."""

    def change(content: bytearray) -> None:
        content[len(content) // 2] ^= 0b10

    copy.change_bytes(copy.folder / COSINES_FILE, change)


def golden_gone(copy: CaseCopy) -> None:
    """Remove the golden."""
    (copy.folder / GOLDEN_FILE).unlink()


def other_windows(copy: CaseCopy) -> None:
    """Leave the last OOD article out of the golden, with every digest right."""
    golden = read_golden(copy.folder)
    ids = golden.splits["ood"].article_ids
    write_golden(copy.folder, golden_of_windows(golden, {"ood": ids != ids[-1]}))


def check_gone(copy: CaseCopy) -> None:
    """Accept the golden under a check that no longer exists."""
    golden = read_golden(copy.folder)
    checks = (*golden.record.checks, "D999-gone")
    write_golden(
        copy.folder, Golden(golden.record.model_copy(update={"checks": checks}), golden.splits)
    )


def other_machine(copy: CaseCopy) -> None:
    """Give the golden the fingerprint of a machine that rounds in another way."""
    values = numeric_values()
    values["layer_norm"] += 1e-5
    numerics = Numerics(values=values, machine={**machine(), "instructions": "other"})
    golden = read_golden(copy.folder)
    record = golden.record.model_copy(update={"numerics": numerics})
    write_golden(copy.folder, Golden(record, golden.splits))


def config_drift(copy: CaseCopy) -> None:
    """Train at three times the golden's learning rate."""
    copy.configure(training={"lr": 3 * copy.config.training.rate})


@contextmanager
def _self_compare(lab: Lab) -> Iterator[GateSession]:
    """Judge the golden's own file against it."""
    artefact = read_golden(lab.pristine.folder).record.artefacts[0]
    first = lab.clean.candidates[0]
    same = replace(first, digest=artefact, load=lambda: first.checkpoint)
    options = replace(lab.clean.options, runs=(Path("golden-run"),), first_run=False)
    yield lab.clean.judging([same], options=options)


def _looks_at_nothing(_: object) -> Any:  # noqa: ANN401 - that it is no Measured is the defect
    return None


def _skips(_: object) -> Measured:
    raise CheckNotRunError("skipped")


DEFECTS = (
    in_golden("golden-other-windows", "G003", "the golden is of other windows", other_windows),
    in_golden("golden-edited", "G004", "the golden was edited by hand", edited_by_hand),
    in_golden(
        "golden-damaged", "G004", "one bit of the golden's cosines is flipped", cosines_damaged
    ),
    in_golden("golden-gone", "G004", "the golden was removed", golden_gone),
    Defect("self-compare", "G005", "the golden's own file is compared with it", _self_compare),
    in_golden("check-gone", "G006", "a check of the golden no longer exists", check_gone),
    in_golden("config-drift", "G007", "the learning rate is not the golden's", config_drift, WARNS),
    in_golden("other-machine", "G020", "the golden is of another machine", other_machine, WARNS),
    in_check("check-deleted", "D007", "a check has lost its implementation", None),
    in_check("check-returns-nothing", "D010", "a check returns nothing", _looks_at_nothing),
    in_check("check-skipped", "S004", "a check was skipped", _skips),
)  # fmt: skip - a defect is one entry
