from __future__ import annotations

import errno
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from amn.api import check_data
from amn.corpus import staging
from amn.corpus.articles import Kind
from amn.corpus.build import build_dataset
from amn.corpus.chunking import ChunkingConfig
from amn.corpus.sources import open_source
from amn.data.encoder import encode_texts
from amn.errors import ArgumentError, BuildError, DataError, EncodingError
from amn.storage import sha256_file
from amn.verdict import Status
from tests.corpora import page, shuffled_pages, toy_config, write_pages
from tests.encoders import HashEncoder, RaisesAt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.corpus.staging import Staging


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_pages(tmp_path / "pages.jsonl", shuffled_pages())


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir())}


def test_rows_are_sorted_and_each_vector_belongs_to_its_text(source: Path, tmp_path: Path) -> None:
    dataset = build_dataset(tmp_path / "out", toy_config(source)).dataset

    texts = dataset.column("text")
    assert texts is not None
    assert dataset.articles.tolist() == list(range(1, 41))
    assert (np.diff(dataset.article_ids) >= 0).all()
    np.testing.assert_array_equal(
        dataset.gather(np.arange(len(dataset))),
        encode_texts(HashEncoder(), texts.to_pylist()).astype(np.float16),
    )


def test_row_groups_are_cut_by_rows_and_change_no_row(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_dataset(tmp_path / "whole", toy_config(source)).dataset
    monkeypatch.setattr("amn.data.writer.GROUP_ROWS", 33)

    cut = build_dataset(tmp_path / "cut", toy_config(source)).dataset

    chunks = pq.ParquetFile(cut.path / "chunks-00000.parquet")
    sizes = [chunks.metadata.row_group(n).num_rows for n in range(chunks.num_row_groups)]
    assert sizes == [33, 33, 33, 33, 28]
    for name in whole.columns:
        assert cut.column(name).to_pylist() == whole.column(name).to_pylist()
    np.testing.assert_array_equal(cut.shards[0].vectors, whole.shards[0].vectors)


def test_a_chunk_knows_its_characters(source: Path, tmp_path: Path) -> None:
    dataset = build_dataset(tmp_path / "out", toy_config(source)).dataset

    texts = {one["id"]: one["text"] for one in shuffled_pages()}
    columns = [dataset.column(name) for name in ("char_start", "n_chars", "text", "title")]
    for article, start, length, text, title in zip(
        dataset.article_ids.tolist(), *(c.to_pylist() for c in columns if c), strict=True
    ):
        assert texts[article][start : start + length] == text
        assert title == f"Article {article}"


def test_every_page_and_every_row_is_accounted_for(tmp_path: Path) -> None:
    pages = [page(1, 2), page(2, 3, "Mercury (disambiguation)"), page(3, 1), page(9, 1), page(5)]
    pages[2]["text"] = "Too short."
    pages[4]["text"] += "\n\nShort."
    path = write_pages(tmp_path / "pages.jsonl", pages)
    config = toy_config(
        path,
        source=open_source(path, articles="1-5"),
        drop=frozenset({Kind.DISAMBIGUATION}),
        chunking=ChunkingConfig(style="paragraphs", max_chars=100, min_chars=20),
    )

    manifest = build_dataset(tmp_path / "out", config).dataset.manifest

    assert [
        (stage.name, stage.unit, stage.rows_in, stage.rows_out, stage.dropped)
        for stage in manifest.stages
    ] == [
        ("read pages.jsonl", "articles", 5, 4, {"outside --articles": 1}),
        ("drop kinds", "articles", 4, 3, {"disambiguation": 1}),
        ("cut", "articles", 3, 2, {"no chunk": 1}),
        ("chunk by paragraphs", "rows", 7, 5, {"under 20 characters": 2}),
        ("encode with fake", "rows", 5, 5, {}),
        ("sort by article and chunk", "rows", 5, 5, {}),
    ]
    assert manifest.kinds == {"disambiguation": 1, "stub": 3}


def test_the_checks_of_files_and_stages_pass(source: Path, tmp_path: Path) -> None:
    build_dataset(tmp_path / "out", toy_config(source))

    outcomes = check_data(tmp_path / "out").outcomes
    passed = {outcome.check for outcome in outcomes if outcome.status is Status.PASS}
    assert {"D001", "D002", "D003", "D004", "D009", "D011"} <= passed


def villages() -> list[dict[str, Any]]:
    """Return 12 articles of one template and 12 lists."""
    text = "{} is a village in the district of North Vale, and it has a mill."
    names = (
        "Arly",
        "Bost",
        "Crane",
        "Dorn",
        "Elm",
        "Firth",
        "Gale",
        "Hurst",
        "Ilse",
        "Jay",
        "K",
        "L",
    )
    made = [{"id": 2 * n, "title": one, "text": text.format(one)} for n, one in enumerate(names)]
    return [*made, *(page(2 * n + 1, title=f"List of mills {n}") for n in range(12))]


def test_series_are_found_once_also_when_the_build_is_stopped_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pages(tmp_path / "pages.jsonl", villages())
    config = toy_config(path, series=True, drop=frozenset({Kind.SERIES}))
    passes: list[str] = []

    def progress(_: int, __: int | None, text: str) -> None:
        if text == "encoding rows":
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("amn.corpus.sources.source.PROGRESS_PAGES", 1)
        with pytest.raises(Stopped):
            build_dataset(tmp_path / "out", config, progress=progress)
        built = build_dataset(
            tmp_path / "out", config, progress=lambda _, __, text: passes.append(text)
        )

    assert "finding series" not in passes
    assert built.manifest.stages[1].dropped == {"series": 12}


def test_looking_for_series_or_not_is_another_plan(source: Path, tmp_path: Path) -> None:
    broken = toy_config(source, load=partial(RaisesAt, text="Paragraph 0 of article 7 says so."))
    with pytest.raises(EncodingError):
        build_dataset(tmp_path / "out", broken)

    with pytest.raises(ArgumentError, match="series: False, now True"):
        build_dataset(tmp_path / "out", toy_config(source, series=True))


def test_rows_longer_than_the_encoder_reads_are_noted(source: Path, tmp_path: Path) -> None:
    pages = [*shuffled_pages(), {"id": 99, "title": "Long", "text": "One two three " * 3}]
    write_pages(source, pages)
    load = partial(HashEncoder, max_tokens=6)

    manifest = build_dataset(tmp_path / "out", toy_config(source, load=load)).manifest

    assert [stage.noted for stage in manifest.stages if stage.noted] == [
        {"longer than the 6 tokens that it reads": manifest.rows}
    ]
    load = partial(HashEncoder, max_tokens=8)
    manifest = build_dataset(tmp_path / "more", toy_config(source, load=load)).manifest
    assert manifest.stages[-2].noted == {"longer than the 8 tokens that it reads": 1}


def test_a_language_is_what_the_source_says_or_what_the_text_tells(tmp_path: Path) -> None:
    pages = [page(1), page(2), page(3)]
    pages[0]["text"] = "The village lies on the road to the north, and it has had a small mill."
    pages[0]["language"] = "fr"
    german = "Das Dorf liegt an der Straße nach Norden und hat seit langem eine kleine Mühle."
    pages[1]["text"] = german
    pages[2]["text"] = "Aa Bb 12, Cc Dd 34, Ee Ff."
    path = write_pages(tmp_path / "pages.jsonl", pages)

    said = build_dataset(tmp_path / "said", toy_config(path)).dataset.column("language")
    config = toy_config(path, detect_language=True)
    told = build_dataset(tmp_path / "told", config).dataset.column("language")

    assert said.to_pylist() == ["fr", None, None]
    assert told.to_pylist() == ["en", "de", None]


def test_texts_stay_out_when_they_may_not_be_kept(source: Path, tmp_path: Path) -> None:
    dataset = build_dataset(tmp_path / "out", toy_config(source, keep_text=False)).dataset

    assert dataset.column("text") is None
    assert dataset.column("n_chars") is not None


class Stopped(BaseException):
    """Stands for a kill: nothing of amn catches it."""


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that makes the build stop when it opens its n-th file to write."""

    def stop_at(n: int) -> None:
        written = iter(range(1, n + 1))
        for module, name in ((staging, "write_json"), (staging, "atomic_path")):
            inner = getattr(module, name)

            def write(*arguments: Any, inner: Any = inner) -> Any:
                if next(written, n) == n:
                    raise Stopped
                return inner(*arguments)

            monkeypatch.setattr(module, name, write)

    return stop_at


@pytest.mark.parametrize("n", [1, 2, 3, 8, 11, 12, 13, 14, 15, 20, 26, 30, 31, 32])
def test_stopped_at_any_write_it_goes_on_to_the_same_bytes(
    n: int,
    source: Path,
    tmp_path: Path,
    stopping: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build_dataset(tmp_path / "whole", toy_config(source))

    with monkeypatch.context():
        stopping(n)
        with pytest.raises(Stopped):
            build_dataset(tmp_path / "out", toy_config(source))
    monkeypatch.undo()
    assert not (tmp_path / "out").exists()
    build_dataset(tmp_path / "out", toy_config(source))

    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pages.jsonl", "whole"]


def test_what_is_finished_is_not_made_again(
    source: Path, tmp_path: Path, stopping: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context():
        stopping(20)
        with pytest.raises(Stopped):
            build_dataset(tmp_path / "out", toy_config(source))
    monkeypatch.undo()
    encoded = len(list((tmp_path / "out.building/vectors").glob("*.json")))
    seen: list[tuple[int, int | None, str]] = []

    build_dataset(tmp_path / "out", toy_config(source), progress=lambda *now: seen.append(now))

    assert encoded > 0
    assert seen[0] == (15 * encoded, 160, "encoding rows")
    assert seen[-2:] == [(160, 160, "encoding rows"), (160, 160, "sorting rows")]


def test_killed_while_it_tidied_up_it_is_finished(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Staging) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("amn.corpus.build.discard", killed)
        with pytest.raises(Stopped):
            build_dataset(tmp_path / "out", toy_config(source))
    before = digests(tmp_path / "out")

    build_dataset(tmp_path / "out", toy_config(source))

    assert digests(tmp_path / "out") == before
    assert not (tmp_path / "out.building").exists()


@pytest.fixture
def stopped(
    source: Path, tmp_path: Path, stopping: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return the destination of a build that stopped when it had a few parts."""
    with monkeypatch.context():
        stopping(20)
        with pytest.raises(Stopped):
            build_dataset(tmp_path / "out", toy_config(source))
    monkeypatch.undo()
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"dtype": "float32"}, "dtype: 'float16', now 'float32'"),
        (
            {"chunking": ChunkingConfig(style="paragraphs", max_chars=90, min_chars=10)},
            "chunking.max_chars: 100, now 90",
        ),
        ({"load": partial(HashEncoder, salt="other")}, r"encoder: probe vectors \d"),
        ({"drop": frozenset({Kind.LIST})}, "drop.0: None, now 'list'"),
    ],
)
def test_another_plan_is_refused_with_what_changed(
    changes: Any, line: str, source: Path, stopped: Path
) -> None:
    with pytest.raises(ArgumentError, match=rf"another:\n  - {line}.*\nFix: --restart"):
        build_dataset(stopped, toy_config(source, **changes))


def test_a_source_that_changed_is_refused_and_restart_builds_it(
    source: Path, stopped: Path
) -> None:
    write_pages(source, [page(1)])
    with pytest.raises(ArgumentError, match=r"source\.files\.0\.sha256: '[0-9a-f]+\.\.\.', now "):
        build_dataset(stopped, toy_config(source))

    built = build_dataset(stopped, toy_config(source), restart=True)

    assert built.dataset.articles.tolist() == [1]


def test_a_damaged_part_is_made_again(source: Path, tmp_path: Path, stopped: Path) -> None:
    for name in ("texts/00002.arrow", "vectors/00000.npy"):
        path = tmp_path / "out.building" / name
        path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    build_dataset(tmp_path / "whole", toy_config(source))

    build_dataset(stopped, toy_config(source))

    assert digests(stopped) == digests(tmp_path / "whole")


def test_a_data_set_that_is_there_is_not_touched(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(FileExistsError):
        build_dataset(tmp_path / "out", toy_config(source))
    assert not (tmp_path / "out.building").exists()


def test_a_second_build_of_the_same_folder_waits_outside(source: Path, stopped: Path) -> None:
    folder = stopped.with_name("out.building")

    with FileLock(folder / "lock"), pytest.raises(BuildError, match="expected no other build"):
        build_dataset(stopped, toy_config(source))


def test_an_id_that_is_there_twice_is_named_with_both_places_before_encoding(
    tmp_path: Path,
) -> None:
    path = write_pages(tmp_path / "pages.jsonl", [*shuffled_pages(), page(5, 2)])

    message = r"got 5 at pages\.jsonl:\d+ and at pages\.jsonl:41 \(1 such\)"
    with pytest.raises(DataError, match=message):
        build_dataset(tmp_path / "out", toy_config(path))
    assert not list((tmp_path / "out.building/vectors").iterdir())


def test_an_encoder_that_raises_at_row_5000_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "pages.jsonl", [page(n, 60) for n in range(100)])
    text = "Paragraph 20 of article 83 says so."
    options = {"rows_per_part": 512, "pages_per_part": 32}
    config = toy_config(path, load=partial(RaisesAt, text=text), **options)

    message = (
        f"article 83 chunk 20 (pages.jsonl:84, row 5000): fake failed on {text!r}:"
        " RuntimeError: no such token"
    )
    with pytest.raises(EncodingError, match=f"^{re.escape(message)}$"):
        build_dataset(tmp_path / "out", config)
    finished = len(list((tmp_path / "out.building/vectors").glob("*.json")))
    assert finished == 5000 // 512
    # The encoder is mended: the build goes on.
    mended = build_dataset(tmp_path / "out", toy_config(path, **options)).dataset
    assert len(mended) == 6000


def test_a_full_disk_keeps_what_is_finished(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("amn.corpus.tasks.write_npy", full)
        with pytest.raises(BuildError, match=r"got a full disk .* Fix: make room and run it again"):
            build_dataset(tmp_path / "out", toy_config(source))
    assert len(list((tmp_path / "out.building/texts").glob("*.json"))) == 5

    assert len(build_dataset(tmp_path / "out", toy_config(source)).dataset) == 160


def test_a_source_without_a_row_says_where_its_pages_went(tmp_path: Path) -> None:
    pages = [{"id": 1, "title": "A", "text": "Short."}, page(2), page(3)]
    path = write_pages(tmp_path / "pages.jsonl", pages)
    config = toy_config(path, source=open_source(path, articles="1"))

    message = r"got 3 pages and no row \(2 outside --articles, 1 no chunk\)"
    with pytest.raises(DataError, match=message):
        build_dataset(tmp_path / "out", config)


def test_the_encoder_leaves_its_fingerprint(source: Path, tmp_path: Path) -> None:
    build_dataset(tmp_path / "out", toy_config(source))

    encoder = json.loads((tmp_path / "out/dataset.json").read_bytes())["encoder"]
    assert re.fullmatch("[0-9a-f]{64}", encoder["probe_digest"])
    assert len(encoder["probe"]) == 4 * -(-4 * 8 * 4 // 3)
