"""Data sets of stores: servers of S3, GCS, the hub and the web that are started here."""

from __future__ import annotations

import http.server
import logging
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from amn.case.load import load_case, parse_case
from amn.cli.main import main
from amn.data import elsewhere
from amn.data.dataset import open_dataset
from amn.data.elsewhere import CHUNKS, NOTHING, fetched
from amn.data.index.build import build_index
from amn.data.scan import scan_rows
from amn.data.vectors import FileDigest
from amn.errors import ConfigError, DataError, MissingDependencyError, StoreError
from amn.gate.bundle import members_of, write_bundle
from amn.gate.modes import GateOptions, evidence_of, gate_of, run_gate
from amn.gate.replay import replay
from amn.golden.base.review import MergeBase
from amn.golden.store import write_golden
from amn.report.outputs import Report, render
from amn.storage import sha256_file, sha256_of
from amn.verdict import Status, Verdict
from tests.checkouts import CASE_TEXT, begin_change
from tests.stores import Bucket, Hub, Objects, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amn.case.load import Case
    from amn.golden.schema import Golden

VECTORS = "vectors-00000.npy"
ROOT = Path(__file__).parents[3]


@dataclass
class Shelf:
    """A store with the toy data: where they are, what was asked for, how it is shut and ends."""

    url: str
    put: Callable[[str, bytes], object]
    stop: Callable[[], object]
    hide: Callable[[], object]
    asked: list[str] = field(default_factory=list)


class Files(http.server.SimpleHTTPRequestHandler):
    """http.server as it is: no ranges. It notes what is asked for, and refuses what it is told."""

    asked: list[str]
    refused: set[str]

    def do_GET(self) -> None:
        name = Path(self.path).name
        self.asked.append(name)
        if name in self.refused:
            self.send_error(403)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(toy_data: Path, tmp_path: Path) -> Iterator[Shelf]:
    folder = tmp_path / "web"
    shutil.copytree(toy_data, folder / "toy")
    asked, refused = list[str](), set[str]()
    handler = type("Handler", (Files,), {"asked": asked, "refused": refused})

    def put(name: str, data: bytes) -> None:
        (folder / "toy" / name).write_bytes(data)

    with ExitStack() as stack:
        url = stack.enter_context(served(partial(handler, directory=str(folder))))
        yield Shelf(f"{url}/toy", put, stack.close, partial(refused.add, "dataset.json"), asked)


@pytest.fixture
def gs(toy_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    pytest.importorskip("gcsfs", reason="the extra gs is not installed")
    with objects_of(toy_data, Bucket, "gs://toys/toy") as (url, shelf):
        set_options(monkeypatch, "gs", {"endpoint_url": url, "token": "anon"})
        yield shelf


@pytest.fixture
def hf(toy_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    with objects_of(toy_data, Hub, "hf://datasets/me/toys/toy") as (url, shelf):
        set_options(monkeypatch, "hf", {"endpoint": url})
        yield shelf


@contextmanager
def objects_of(toy_data: Path, kind: type[Objects], place: str) -> Iterator[tuple[str, Shelf]]:
    """Serve the toy data as a store does; yield the server's URL, too."""
    objects = {f"toy/{file.name}": file.read_bytes() for file in toy_data.iterdir()}
    handler = type("Handler", (kind,), {"objects": objects})

    def put(name: str, data: bytes) -> None:
        objects[f"toy/{name}"] = data

    def hide() -> None:
        handler.token = "that nobody has"

    with ExitStack() as stack:
        yield stack.enter_context(served(handler)), Shelf(place, put, stack.close, hide)


def set_options(monkeypatch: pytest.MonkeyPatch, scheme: str, options: dict[str, str]) -> None:
    """Set what fsspec reads a scheme with: here, and in processes that are started."""
    monkeypatch.setitem(fsspec.config.conf, scheme, options)
    for name, value in options.items():
        monkeypatch.setenv(f"FSSPEC_{scheme}_{name}".upper(), value)


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """An S3 server, and what writes to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys)
    yield client
    client.close()
    server.stop()


@pytest.fixture
def s3(moto: Any, toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    bucket = sha256_of(str(tmp_path).encode())[:20]
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": moto.meta.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-such-file"),
        "AWS_CONFIG_FILE": str(tmp_path / "no-such-file"),
    }.items():
        monkeypatch.setenv(name, value)
    moto.create_bucket(Bucket=bucket)

    def put(name: str, data: bytes) -> None:
        moto.put_object(Bucket=bucket, Key=f"toy/{name}", Body=data)

    def stop() -> None:  # other tests have the server; here nobody finds it any more
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    def hide() -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    for file in toy_data.iterdir():
        put(file.name, file.read_bytes())
    return Shelf(f"s3://{bucket}/toy", put, stop, hide)


@pytest.fixture(params=["s3", "gs", "hf", "web"])
def shelf(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def make(tmp_path: Path, toy_data: Path) -> Callable[..., Case]:
    """Write the case of a store, with the digest of what is there by default."""

    def make(url: str, sha256: str | None = "", **more: str) -> Case:
        pins = {
            "sha256": sha256_file(toy_data / "dataset.json") if sha256 == "" else sha256,
            **more,
        }
        lines = [f'path = "{url}"', *(f'{name} = "{pin}"' for name, pin in pins.items() if pin)]
        file = tmp_path / "project" / "golden" / "toy" / "case.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        text = CASE_TEXT.replace('path = "../../data"', "\n".join(lines))
        file.write_text(text, "utf-8")
        return load_case(file)

    return make


@pytest.fixture
def gate(toy_cache: Path) -> Callable[[Case], Any]:
    def gate(case: Case) -> Any:
        return run_gate(case, GateOptions(cache=toy_cache, first_run=True))

    return gate


def test_a_case_is_gated_from_a_store_and_then_from_the_cache_as_it_is_from_a_folder(
    shelf: Shelf, make: Any, gate: Any, toy_data: Path
) -> None:
    case = make(shelf.url)
    first = gate(case)
    assert first.judged is Verdict.PASS, [o for o in first.outcomes if o.has_failed]
    shelf.stop()
    assert _ends(gate(case)) == _ends(first)
    beside = make(str(toy_data), None)
    assert _ends(gate(beside)) == _ends(first)
    kept = case.folder.parent.parent / ".amn" / "data"
    assert case.dataset_path == kept / case.sources[0].sha256
    assert (kept / ".gitignore").exists()


def _ends(result: Any) -> dict[str, Any]:
    return {outcome.label: (outcome.status, outcome.number) for outcome in result.outcomes}


KILLED = """
import os, signal, sys
from amn.case.load import load_case
from amn.data import elsewhere
elsewhere.BLOCK = 4096
case = load_case(sys.argv[1])
def kill(done, size, text):
    if "vectors" in text and done >= 8192:
        os.kill(os.getpid(), signal.SIGKILL)
elsewhere.fetched(case, case.sources[0], progress=kill)
"""


def test_a_fetch_that_was_killed_goes_on_from_where_it_was(
    shelf: Shelf, make: Any, toy_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make(shelf.url)
    done = subprocess.run(  # noqa: S603 - fixed words
        [sys.executable, "-c", KILLED, str(case.folder)], cwd=ROOT, check=False
    )
    assert done.returncode == -9
    folder = case.dataset_path
    part = folder / f".{VECTORS}.part"
    have = part.stat().st_size
    assert 0 < have < (toy_data / VECTORS).stat().st_size
    assert not (folder / VECTORS).exists()
    monkeypatch.setattr(elsewhere, "BLOCK", 4096)
    seen, sizes = list[int](), set[int]()
    fetched(case, case.sources[0], progress=lambda at, n, _: (seen.append(at), sizes.add(n)))
    assert (folder / VECTORS).read_bytes() == (toy_data / VECTORS).read_bytes()
    assert not part.exists()
    skips = not shelf.url.startswith("http")  # http.server knows no ranges: it begins anew
    assert (seen[0] > have) is skips
    assert (sizes == {0}) is not skips  # the web is not asked how much there is


def test_what_was_begun_with_other_content_is_read_again(
    s3: Shelf, make: Any, toy_data: Path
) -> None:
    case = make(s3.url)
    for rest in (b"something else", b"x" * 10_000_000):  # longer than the file, too
        shutil.rmtree(case.dataset_path, ignore_errors=True)
        case.dataset_path.mkdir(parents=True)
        (case.dataset_path / f".{VECTORS}.part").write_bytes(rest)
        assert open_dataset(fetched(case, case.sources[0])).digest == open_dataset(toy_data).digest


def test_a_changed_object_fails_the_gate_in_a_line(shelf: Shelf, make: Any, gate: Any) -> None:
    shelf.put(VECTORS, b"other bytes")
    case = make(shelf.url)
    result = gate(case)
    assert result.verdict is Verdict.FAIL
    (finding,) = next(o for o in result.outcomes if o.check == "D003").findings
    assert finding.where == str(case.file)
    assert "expected sha256" in finding.message
    assert f"of {shelf.url}/{VECTORS}, got " in finding.message
    assert "\n" not in str(finding)
    assert not (case.dataset_path / VECTORS).exists()


def test_another_manifest_than_the_case_names_fails_the_gate(
    web: Shelf, make: Any, gate: Any, toy_data: Path
) -> None:
    web.put("dataset.json", (toy_data / "dataset.json").read_bytes() + b"\n")
    result = gate(make(web.url))
    assert result.verdict is Verdict.FAIL
    (finding,) = next(o for o in result.outcomes if o.check == "D003").findings
    assert f"{web.url}/dataset.json" in finding.message


def test_a_missing_object_fails_the_gate_in_a_line(shelf: Shelf, make: Any, gate: Any) -> None:
    case = make(f"{shelf.url}-that-is-not-there")
    result = gate(case)
    assert result.verdict is Verdict.FAIL
    (finding,) = next(o for o in result.outcomes if o.check == "D003").findings
    url = f"{shelf.url}-that-is-not-there/dataset.json"
    assert finding.message == f"dataset.path: expected {url}, found none"


@pytest.mark.parametrize(
    ("store", "answer", "fix"),
    [
        ("s3", "Unable to locate credentials", "aws configure"),
        ("gs", "Anonymous caller does not have", "gcloud auth application-default login"),
        ("hf", "datasets/me/toys/toy/dataset.json (repository not found)", "hf auth login"),
        ("web", "403, message=", "a URL that this machine can read"),
    ],
)
def test_without_credentials_nothing_is_judged(
    store: str, answer: str, fix: str, make: Any, gate: Any, request: pytest.FixtureRequest
) -> None:
    shelf = request.getfixturevalue(store)
    shelf.hide()
    result = gate(make(shelf.url))
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 3)
    outcome = next(o for o in result.outcomes if o.check == "D003")
    assert outcome.status is Status.ERROR
    said = str(outcome.findings[0])
    assert f"expected to read {shelf.url}/dataset.json, got: {answer}" in said
    assert f"Fix: {fix}" in said
    assert "\n" not in said


def test_what_gcsfs_logs_of_an_error_is_written_for_who_listens() -> None:
    assert logging.getLogger("gcsfs").handlers


def test_a_server_that_is_gone_is_an_error_in_a_line(web: Shelf, make: Any) -> None:
    case = make(web.url)
    fetched(case, case.sources[0], NOTHING)
    web.stop()
    with pytest.raises(StoreError, match=f"expected to read {web.url}/{VECTORS}, got") as raised:
        fetched(case, case.sources[0])
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(". Fix: a network that reaches it")


def test_a_damaged_file_of_the_cache_is_fetched_again(
    web: Shelf, make: Any, gate: Any, toy_data: Path
) -> None:
    case = make(web.url)
    folder = fetched(case, case.sources[0])
    for name in ("dataset.json", VECTORS):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert gate(case).judged is Verdict.PASS
    assert (folder / VECTORS).read_bytes() == (toy_data / VECTORS).read_bytes()


def test_vectors_of_the_cache_are_hashed_once_and_again_when_they_changed(
    web: Shelf, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make(web.url)
    fetched(case, case.sources[0])
    hashed: list[Path] = []
    sha256 = FileDigest.sha256

    def count(self: FileDigest) -> str:
        hashed.extend([self._path] if self._known is None else [])
        return sha256(self)

    monkeypatch.setattr(FileDigest, "sha256", count)
    dataset = open_dataset(fetched(case, case.sources[0]))
    declared = {entry.path: entry.sha256 for entry in dataset.manifest.files}
    assert scan_rows(dataset).file_digests == declared
    file = dataset.path / VECTORS
    assert hashed.count(file) == 1
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(0, 0))
    assert scan_rows(open_dataset(dataset.path)).file_digests[VECTORS] == sha256_file(file)
    assert hashed.count(file) == 2


def test_a_store_without_a_digest_is_refused_with_the_line_to_write(
    web: Shelf, make: Any, gate: Any
) -> None:
    with pytest.raises(ConfigError) as raised:
        gate(make(web.url, None))
    line = str(raised.value).partition("Fix: ")[2].removesuffix(" in [dataset]")
    name, _, value = line.partition(" = ")
    assert name == "sha256"
    assert gate(make(web.url, value.strip('"'))).judged is Verdict.PASS


def test_what_is_declared_asks_for_no_vectors_and_custody_for_nothing(
    web: Shelf, make: Any, toy_cache: Path
) -> None:
    case = make(web.url)
    evidence_of(case, GateOptions(cache=toy_cache, custody_only=True))
    assert web.asked == []
    gate_of(case, GateOptions(cache=toy_cache))
    assert sorted(web.asked) == ["chunks-00000.parquet", "dataset.json"]
    fetched(case, case.sources[0])
    fetched(case, case.sources[0], CHUNKS)
    assert sorted(web.asked) == ["chunks-00000.parquet", "dataset.json", VECTORS]


def put_index(web: Shelf, toy_data: Path, folder: Path) -> str:
    """Put an index of the data into the store; return the digest of its record."""
    shutil.copytree(toy_data, folder / "indexed")
    build_index(open_dataset(folder / "indexed"), "flat")
    for name in ("index.json", "index.faiss"):
        web.put(name, (folder / "indexed" / name).read_bytes())
    return sha256_file(folder / "indexed" / "index.json")


def test_the_index_of_a_store_is_judged_by_its_own_digest_and_fetched_for_it_alone(
    web: Shelf, make: Any, gate: Any, toy_data: Path, tmp_path: Path
) -> None:
    pin = put_index(web, toy_data, tmp_path)
    assert not any(label.startswith("I0") for label in gate(make(web.url)).declared)
    assert "index.faiss" not in web.asked
    result = gate(make(web.url, index_sha256=pin))
    assert {o.status for o in result.outcomes if o.check.startswith("I0")} == {Status.PASS}
    web.put("index.faiss", b"another")
    case = make(web.url, index_sha256=pin)
    (case.dataset_path / "index.faiss").unlink()
    changed = gate(case)
    assert changed.exit_code != 0
    assert "index.faiss" in str(next(o for o in changed.outcomes if o.check == "I001").findings[0])


def test_the_index_of_a_store_is_a_configuration_too_and_fetched_for_it(
    web: Shelf, make: Any, gate: Any, toy_data: Path, tmp_path: Path
) -> None:
    pin = put_index(web, toy_data, tmp_path)
    case = make(web.url, index_sha256=pin)
    own = "[[index.configuration]]\nid = 'I101'\nname = 'own'\nkind = 'file'\n[split]"

    result = gate(parse_case(case.file.read_text("utf-8").replace("[split]", own), case.file))

    assert next(o for o in result.outcomes if o.check == "I101").status is Status.PASS
    assert "index.faiss" in web.asked


def test_an_index_that_is_asked_for_without_its_digest_is_refused_with_the_line(
    web: Shelf, make: Any, gate: Any
) -> None:
    web.put("index.json", b"{}")
    case = make(web.url)
    text = case.file.read_text("utf-8").replace("[split]", "index = true\n[split]")
    with pytest.raises(ConfigError, match=r'index_sha256 = "44136fa355b3.*" in \[dataset\]'):
        gate(parse_case(text, case.file))


def test_a_split_may_be_a_data_set_of_a_store(
    web: Shelf, make: Any, gate: Any, toy_data: Path
) -> None:
    case = make(str(toy_data), None)
    sha256 = sha256_file(toy_data / "dataset.json")
    text = case.file.read_text("utf-8")
    text = text.replace('{ articles = "53-64" }', f'{{ dataset = "{web.url}" }}')
    text = text.replace('{ articles = "41-52" }', '{ articles = "1-10" }')
    with pytest.raises(ConfigError, match=r"split.ood.dataset: .*sha256 = .* in \[split.ood\]"):
        gate(parse_case(text, case.file))
    pinned = parse_case(
        text.replace(f'"{web.url}"', f'"{web.url}", sha256 = "{sha256}"'), case.file
    )
    evidence = evidence_of(pinned, GateOptions(cache=case.folder))
    assert evidence["splits"]["ood"].dataset.digest == open_dataset(toy_data).digest
    assert evidence["splits"]["ood"].dataset.path == pinned.folder_of(pinned.sources[1])


def test_a_folder_is_held_to_a_digest_too(make: Any, gate: Any, toy_data: Path) -> None:
    assert gate(make(str(toy_data))).judged is Verdict.PASS
    result = gate(make(str(toy_data), "0" * 64))
    assert result.verdict is Verdict.FAIL
    (finding,) = next(o for o in result.outcomes if o.check == "D003").findings
    assert "expected sha256 000000000000… as dataset.path says" in finding.message


@pytest.mark.parametrize(
    ("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("hf", "huggingface_hub")]
)
def test_a_missing_package_is_named_with_what_brings_it(
    scheme: str, package: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    place = f"{scheme}://bucket/toy"
    case = make(place)
    with pytest.raises(MissingDependencyError) as raised:
        fetched(case, case.sources[0])
    said = f"{case.file}: dataset.path: expected {package}, which reads {place}, got none. Fix: pip"
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            'path = "ftp://host/data"',
            "expected a folder, or s3://, gs://, hf://, https://, http://, got 'ftp://host/data'",
        ),
        (
            'path = "https://me:secret@host/data"',
            "dataset.path: expected a URL without credentials, got some for host",
        ),
        (
            'path = "data"\nindex_sha256 = "' + "0" * 64 + '"',
            "dataset: index_sha256: expected a store's index to judge, got path = 'data'",
        ),
    ],
)
def test_a_place_that_nobody_reads_is_refused_with_those_that_are(
    lines: str, problem: str, tmp_path: Path
) -> None:
    text = CASE_TEXT.replace('path = "../../data"', lines)
    with pytest.raises(ConfigError) as raised:
        parse_case(text, tmp_path / "case.toml")
    assert problem in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_review_shows_that_a_digest_changed(make: Any) -> None:
    case = make("s3://bucket/toy", "1" * 64)
    root = case.folder.parent.parent
    begin_change(root)
    changed = make("s3://bucket/toy", "2" * 64)
    note = MergeBase(root, "main").case(changed).note
    place = "s3://bucket/toy with sha256"
    was, now = f"{place} 111111111111…", f"{place} 222222222222…"
    assert note == f"dataset.path: {was} at the merge base, {now} now"


def test_a_golden_of_a_folder_holds_for_the_store_it_went_to_and_names_the_digest(
    web: Shelf, make: Any, toy_golden: Golden, toy_cache: Path, toy_data: Path
) -> None:
    case = make(web.url)
    write_golden(case.folder, toy_golden)
    found = run_gate(case, GateOptions(cache=toy_cache))
    ended = {outcome.check: outcome for outcome in found.outcomes}
    assert ended["G021"].status is Status.PASS
    assert ended["G001"].status is Status.PASS
    said = {finding.where: finding.message for finding in ended["G007"].findings}
    assert (
        said["dataset.sha256"] == f"golden not set, now '{sha256_file(toy_data / 'dataset.json')}'"
    )
    assert "dataset.path" in said


def test_a_bundle_of_a_store_is_judged_again_with_the_data_that_it_packs(
    web: Shelf, make: Any, gate: Any, toy_cache: Path, tmp_path: Path
) -> None:
    case, options = make(web.url), GateOptions(cache=toy_cache, first_run=True)
    result = gate(case)
    members = members_of(case, options, result, with_data=True)
    write_bundle(tmp_path / "b.zip", members, render("json", Report((result,))))
    web.stop()
    shutil.rmtree(case.dataset_path)
    (again,) = replay(tmp_path / "b.zip")
    assert again.differences == ()
    assert "D012-digests" in again.again


def test_the_command_says_in_a_line_what_a_store_lacks(
    web: Shelf, make: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make(f"{web.url}/nothing")
    monkeypatch.chdir(case.folder.parent.parent)
    monkeypatch.setattr(sys, "argv", ["amn", "windows", "toy", "-o", "windows.parquet"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    said = capsys.readouterr().err.strip()
    assert said.endswith("nothing/dataset.json, found none. Fix: put it there")
    assert len(said.splitlines()) == 1


def test_a_data_error_of_a_store_names_the_case(web: Shelf, make: Any) -> None:
    case = make(f"{web.url}/nothing")
    with pytest.raises(DataError) as raised:
        fetched(case, case.sources[0])
    assert raised.value.path == case.file
