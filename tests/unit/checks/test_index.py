"""Every defect of an index is named by the check that is there for it, with its row or number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.limits import IndexConfig
from amn.checks.check import checks
from amn.data.dataset import open_dataset
from amn.data.index.build import build_index
from amn.data.index.layers import load_faiss
from amn.gate.evidence import Evidence
from amn.gate.makers import at_rest
from amn.storage import sha256_file, write_json
from amn.verdict import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHECKS = tuple(check.id for check in checks().values() if check.family == "index")


@pytest.fixture
def folder(write: Callable[..., Path], corpus: Any) -> Path:
    """1,280 rows of 24 numbers in 64 articles."""
    return write(corpus)


def evidence(folder: Path, **limits: Any) -> Evidence:
    chosen = {**at_rest.DATA, **at_rest.INDEX}
    given = {"folders": (folder,), "index_limits": IndexConfig(**limits)}
    return Evidence(chosen, progress=None, **given)


def run(folder: Path, **limits: Any) -> dict[str, Outcome]:
    """Run the checks as a gate does: one whose needs have failed does not run."""
    shared, outcomes = evidence(folder, **limits), {}
    for check in CHECKS:
        needs = [outcomes.get(need) for need in checks()[check].needs if need in CHECKS]
        if all(need is not None and need.status is Status.PASS for need in needs):
            outcomes[check] = checks()[check].run(shared)
    return outcomes


def failed(outcomes: dict[str, Outcome]) -> list[str]:
    return [check for check, outcome in outcomes.items() if outcome.status is not Status.PASS]


def record_again(folder: Path) -> None:
    """Make index.json agree with index.faiss, as whoever hides a defect would."""
    path = folder / "index.faiss"
    values = json.loads((folder / "index.json").read_text())
    values |= {"sha256": sha256_file(path), "size_bytes": path.stat().st_size}
    write_json(folder / "index.json", values)


def change_index(folder: Path, change: Callable[[Any], Any]) -> None:
    """Read the index, change it or return another one, write it and record it again."""
    faiss, path = load_faiss(), folder / "index.faiss"
    index = faiss.read_index(str(path))
    faiss.write_index(change(index) or index, str(path))
    record_again(folder)


def change_ids(folder: Path, rows: list[int], ids: list[int]) -> None:
    def change(index: Any) -> None:
        load_faiss().rev_swig_ptr(index.id_map.data(), index.ntotal)[rows] = ids

    change_index(folder, change)


@pytest.mark.parametrize("kind", ["flat", "sq8", "sq6", "ivf", "hnsw"])
def test_an_index_as_built_passes_every_check(folder: Path, kind: str) -> None:
    parameters = {"nprobe": 32} if kind == "ivf" else {}
    build_index(open_dataset(folder), kind, parameters=parameters)

    outcomes = run(folder)
    assert [*outcomes] == list(CHECKS) == [f"I00{n}" for n in range(1, 9)]
    assert failed(outcomes) == []
    assert outcomes["I006"].value == "1,280 of 1,280 rows"
    assert outcomes["I007"].detail == "256 of 256 rows find themselves"


def test_an_index_without_a_record_is_named_with_the_command(folder: Path) -> None:
    build_index(open_dataset(folder), "flat")
    (folder / "index.json").unlink()

    outcomes = run(folder)
    assert failed(outcomes) == ["I001", "I003"]
    (finding,) = outcomes["I001"].findings
    assert finding.where == str(folder / "index.json")
    assert finding.fix == f"amn index build {folder}"


def test_a_declared_index_that_is_missing_is_named(folder: Path) -> None:
    path = build_index(open_dataset(folder), "flat")
    path.unlink()

    outcomes = run(folder)
    assert failed(outcomes) == ["I001", "I002"]
    for check in ("I001", "I002"):
        (finding,) = outcomes[check].findings
        assert (finding.where, finding.message) == (str(path), "expected an index, found none")
        assert finding.fix == f"amn index build {folder}"


@pytest.mark.parametrize("share", [0.0, 0.002, 0.01, 0.3, 0.999])
@pytest.mark.parametrize("kind", ["sq4", "hnsw"])
def test_one_flipped_bit_anywhere_is_a_finding_and_never_a_crash(
    folder: Path, kind: str, share: float
) -> None:
    path = build_index(open_dataset(folder), kind)
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 0x10
    path.write_bytes(data)

    (finding,) = run(folder)["I001"].findings
    size = f"{len(data):,}"
    assert finding.message.endswith(f"({size} bytes, recorded {size})")


def test_a_flipped_bit_in_a_code_is_named_with_its_row(folder: Path) -> None:
    dataset = open_dataset(folder)
    path = build_index(dataset, "flat")
    data = bytearray(path.read_bytes())
    at = data.index(dataset.gather(np.array([777])).astype(np.float32).tobytes())
    data[at + 40] ^= 1
    path.write_bytes(data)

    outcomes = run(folder)
    assert failed(outcomes) == ["I001", "I006"]
    assert [f.where for f in outcomes["I006"].findings] == ["row 777 (article 39, chunk 17)"]


def test_a_truncated_index_is_named_with_its_size(folder: Path) -> None:
    path = build_index(open_dataset(folder), "sq4")
    path.write_bytes(path.read_bytes()[:9_000])

    outcomes = run(folder)
    assert failed(outcomes) == ["I001", "I002"]
    assert "got 9,000 bytes that faiss cannot read" in outcomes["I002"].findings[0].message


def test_bytes_after_the_index_are_named_even_when_recorded(folder: Path) -> None:
    path = build_index(open_dataset(folder), "sq4")
    path.write_bytes(path.read_bytes() + b"garbage")
    record_again(folder)

    outcomes = run(folder)
    assert failed(outcomes) == ["I002"]
    assert outcomes["I002"].findings[0].message == "expected nothing after the index, got 7 bytes"


def test_an_untrained_index_is_named(folder: Path) -> None:
    faiss = load_faiss()
    build_index(open_dataset(folder), "ivf")
    change_index(folder, lambda _: faiss.index_factory(24, "IVF4,SQ8", 0))

    messages = [f.message for f in run(folder)["I002"].findings]
    assert any("centroids for 0" in m for m in messages)
    assert "expected a trained index, got an untrained one of 0 vectors" in messages


def test_a_stale_index_is_named_with_the_row_that_changed(
    folder: Path, poke: Callable[..., None]
) -> None:
    build_index(open_dataset(folder), "sq8")

    def change(vectors: Any) -> None:
        vectors[321] = vectors[900]

    poke(folder, change)
    outcomes = run(folder)
    assert failed(outcomes) == ["I003", "I006"]
    assert outcomes["I003"].findings[0].where == str(folder / "vectors-00000.npy")
    assert [f.where for f in outcomes["I006"].findings] == ["row 321 (article 17, chunk 1)"]


def test_an_index_of_other_vectors_is_named_by_their_digests(folder: Path) -> None:
    dataset = open_dataset(folder)
    build_index(dataset, "flat")
    record = json.loads((folder / "index.json").read_text())
    write_json(folder / "index.json", {**record, "vectors_digest": "0" * 64})

    outcomes = run(folder)
    assert failed(outcomes) == ["I003"]
    (finding,) = outcomes["I003"].findings
    digest = dataset.vectors_digest[:12]
    assert finding.message.startswith(f"expected vectors {digest}..., got 000000000000...")


def test_the_wrong_metric_is_named(folder: Path) -> None:
    faiss, dataset = load_faiss(), open_dataset(folder)
    build_index(dataset, "flat")
    other = faiss.IndexFlatL2(24)
    other.add(dataset.gather(np.arange(1280)).astype(np.float32))
    change_index(folder, lambda _: other)

    outcomes = run(folder)
    assert failed(outcomes) == ["I004"]
    messages = [f.message for f in outcomes["I004"].findings]
    assert messages == ["expected metric inner_product, got l2"]


def test_the_wrong_dimension_and_a_missing_row_are_named_with_both_numbers(folder: Path) -> None:
    faiss = load_faiss()
    build_index(open_dataset(folder), "flat")
    other = faiss.IndexFlatIP(23)
    other.add(np.ones((1279, 23), np.float32))
    change_index(folder, lambda _: other)

    messages = [f.message for f in run(folder)["I004"].findings]
    assert messages[:2] == ["expected dimension 24, got 23", "expected 1,280 vectors, got 1,279"]


def test_a_parameter_that_is_not_the_recorded_one_is_named(folder: Path) -> None:
    build_index(open_dataset(folder), "ivf", parameters={"nprobe": 9})

    def change(index: Any) -> None:
        index.nprobe = 1

    change_index(folder, change)
    (finding,) = run(folder)["I004"].findings
    assert finding.message == "nprobe: expected 9 as recorded, got 1"


def test_a_duplicate_id_is_named_and_so_is_the_row_that_it_hides(folder: Path) -> None:
    build_index(open_dataset(folder), "flat")
    change_ids(folder, [30], [31])

    outcomes = run(folder)
    assert failed(outcomes) == ["I005"]
    assert [(f.where, f.message) for f in outcomes["I005"].findings] == [
        ("row 30 (article 2, chunk 10)", "expected its id once, got 0 times"),
        ("row 31 (article 2, chunk 11)", "expected its id once, got 2 times"),
    ]


def test_a_foreign_id_is_named(folder: Path) -> None:
    build_index(open_dataset(folder), "flat")
    change_ids(folder, [4, 5], [-7, 5_000])

    found = [f.where for f in run(folder)["I005"].findings]
    assert found == ["id -7", "id 5000", "row 4 (article 1, chunk 4)", "row 5 (article 1, chunk 5)"]


def test_of_many_findings_the_last_says_how_many_are_left_out(folder: Path) -> None:
    build_index(open_dataset(folder), "flat")
    change_ids(folder, list(range(30)), list(range(5_000, 5_030)))

    found = [f.message for f in run(folder)["I005"].findings]  # of 30 ids and of 30 rows
    assert len(found) == 20
    assert found[-1] == "and 41 more"


@pytest.mark.parametrize("kind", ["flat", "sq4", "hnsw"])
def test_two_swapped_ids_are_named_as_exactly_those_rows(folder: Path, kind: str) -> None:
    build_index(open_dataset(folder), kind)
    change_ids(folder, [17, 900], [900, 17])

    outcomes = run(folder, recall=0.5)
    assert failed(outcomes)[0] == "I006"
    first, second = outcomes["I006"].findings
    assert (first.where, second.where) == (
        "row 17 (article 1, chunk 17)",
        "row 900 (article 46, chunk 0)",
    )
    assert first.message.endswith("(that of row 900)")
    assert second.message.endswith("(that of row 17)")


def test_nan_inside_the_index_is_named_with_its_row(folder: Path) -> None:
    build_index(open_dataset(folder), "flat")

    def change(index: Any) -> None:
        flat = load_faiss().downcast_index(index.index)
        vectors = load_faiss().rev_swig_ptr(flat.get_xb(), flat.ntotal * 24)
        vectors[24 * 12 + 3] = np.nan

    change_index(folder, change)
    (finding,) = run(folder)["I006"].findings
    assert finding.where == "row 12 (article 1, chunk 12)"
    assert finding.message == "expected the data set's vector, got one at cosine nan"


def test_rows_that_cannot_find_themselves_are_named(folder: Path) -> None:
    build_index(open_dataset(folder), "pq", parameters={"m": 2, "bits": 2, "nlist": 1})

    outcomes = run(folder)
    assert failed(outcomes) == ["I007", "I008"]
    findings = outcomes["I007"].findings
    assert len(findings) == 20
    assert findings[0].message.startswith("expected itself first at ")
    assert findings[-1].message.startswith("and ")
    assert outcomes["I007"].number is not None
    assert outcomes["I007"].number < 0.99


def test_recall_below_the_floor_is_named_with_its_bound(folder: Path) -> None:
    build_index(open_dataset(folder), "ivf", parameters={"nlist": 32, "nprobe": 1})

    outcomes = run(folder)
    assert failed(outcomes) == ["I008"]
    number = outcomes["I008"].number
    assert number is not None
    assert number < 0.9
    (finding,) = outcomes["I008"].findings
    assert f"recall@10: expected a lower bound of at least 0.9, got {number:.4f}" in finding.message
    assert failed(run(folder, recall=number)) == []


def test_one_row_has_no_neighbours_to_recall(write: Callable[..., Path], corpus: Any) -> None:
    corpus.vectors, corpus.ids, corpus.chunks = (
        corpus.vectors[:1],
        corpus.ids[:1],
        corpus.chunks[:1],
    )
    folder = write(corpus, "one")
    build_index(open_dataset(folder), "flat")

    outcomes = run(folder)
    assert failed(outcomes) == ["I008"]
    assert outcomes["I008"].findings[0].message == "expected at least 2 rows to search among, got 1"


def test_the_index_is_read_once_for_all_checks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(open_dataset(folder), "flat")
    faiss, reads = load_faiss(), []
    read_index = faiss.read_index
    monkeypatch.setattr(faiss, "read_index", lambda *args: reads.append(1) or read_index(*args))

    assert failed(run(folder)) == []
    assert reads == [1]
