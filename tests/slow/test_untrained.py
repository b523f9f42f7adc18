"""200 networks that learned nothing, in four real vector spaces: none passes, whatever its kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from amn.data.importers import import_vectors
from tests.untrained import KINDS, case_of, has_passed, results

SPACES = Path(__file__).parents[2] / ".." / "shared" / "data" / "spaces"
EACH = 10  # of 5 kinds in 4 spaces

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SPACES.is_dir(), reason="../shared/data/spaces is not here"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", ["minilm", "e5", "static", "lsa"])
def test_no_network_that_learned_nothing_passes(tmp_path: Path, space: str, kind: str) -> None:
    data = tmp_path / "data"
    import_vectors(SPACES / f"{space}.npz", data, name=space)
    case = case_of(tmp_path / "case", data, "11001-99999", kind)

    found = list(results(case, tmp_path, EACH, seed=KINDS.index(kind)))

    assert len(found) == EACH
    assert all("evaluations" in result.made for _, result in found)  # each was really scored
    assert [what for what, result in found if has_passed(result)] == []
