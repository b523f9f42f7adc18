"""`amn upgrade`: files of an earlier version, rewritten as this one has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from amn.cli.cases import today
from amn.cli.golden import acceptance
from amn.cli.options import one_line
from amn.errors import GoldenError
from amn.golden.ledger import Acceptance, read_ledger
from amn.golden.store import (
    COSINES_FILE,
    GOLDEN_FILE,
    TABLE_FILE,
    read_file,
    read_golden,
    write_golden,
)
from amn.storage import sha256_of

if TYPE_CHECKING:
    from amn.case.load import Case

REASON = "the same result, in the files of this version"


@click.command("upgrade")
@acceptance.CASES
@click.option(
    "--reason", callback=one_line, default=REASON, show_default=True, help="For the ledger."
)
@acceptance.AUTHOR
def command(cases: tuple[str, ...], reason: str, author: str | None) -> None:
    """Migrate the goldens of CASES: the same result, with an entry in the ledger.

    Nothing is trained. From schema 1, the data have to be those that the golden was measured on. A
    golden whose lift is over the mean of the context gets the one over the strongest reference
    predictor, and the criteria.lift that the case asks for now; one without a profile of its data
    gets it, of the same data.

    \b
    Examples:
      amn upgrade wiki-mini
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.golden.former import is_former  # noqa: PLC0415 - needed where there is a golden

    acceptance.refuse_machines()
    wanted = []
    for found in acceptance.mend_all(cases):
        former = is_former(read_file(found.folder, GOLDEN_FILE))
        golden = None if former else read_golden(found.folder)
        if golden is None or golden.is_over_mean or not golden.record.profile:
            read_ledger(found.folder)
            acceptance.refuse_dirty(found)
            wanted.append(found)
        else:
            click.echo(f"{found.name}: nothing to upgrade")
    for found in wanted:
        _migrate(found, reason, author)


def _migrate(case: Case, reason: str, author: str | None) -> None:
    """Write the golden of a case anew.

    Raises:
        GoldenError: If it is damaged, not its ledger's last entry, or of other data.
    """
    from amn.gate.migration import migrated, profiled  # noqa: PLC0415 - loads torch
    from amn.golden.former import is_former  # noqa: PLC0415 - needed where there is a golden

    record = read_file(case.folder, GOLDEN_FILE)
    other = COSINES_FILE if is_former(record) else TABLE_FILE
    rest = read_file(case.folder, other)
    entries = read_ledger(case.folder)
    digests = entries[-1].digests if entries else None
    said = digests and (digests.golden, digests.cosines or digests.table)
    if said and said != (sha256_of(record), sha256_of(rest)):
        message = "expected the golden of the last entry of its ledger, got another"
        raise GoldenError(case.folder / GOLDEN_FILE, f"{message}. Fix: git checkout it")
    if is_former(record):
        golden = migrated(case, record, rest, today=today())
    else:
        golden = read_golden(case.folder)
    if golden.is_over_mean:
        golden = golden.over_strongest(case.config.criteria.lift)
    if not golden.record.profile:
        golden = profiled(case, golden, today=today())
    entry = Acceptance(
        kind="migrated",
        commit=acceptance.commit_of(case),
        verdict=None,
        time=acceptance.now(),
        author=author or acceptance.default_author(),
        reason=reason,
    )
    write_golden(case.folder, golden, entry)
    gone = ", and removed golden.npz" if other == COSINES_FILE else ""
    click.echo(f"{case.name}: wrote golden.json and golden.csv{gone}: commit them")
