"""The same verdict from a bundle alone, and no other from a bundle that was changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import jsonschema
import pytest
from click.testing import CliRunner, Result

from amn.case.load import load_case
from amn.cli.main import cli
from amn.data.dataset import open_dataset
from amn.data.index.build import build_index
from amn.errors import AmnError, DataError
from amn.evaluation.storage import load_evaluation, save_evaluation
from amn.gate.bundle import VERDICT_FILE, data_files, data_folders, made_with, members_of, timeless
from amn.gate.modes import GateOptions, run_gate
from amn.gate.replay import replay
from amn.golden.store import write_golden
from amn.report.json import json_schema, to_json
from amn.storage import unpack_archive, write_archive
from amn.verdict import BEFORE_TRAINING, Verdict, family_of
from tests.unit.conftest import CASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amn.case.load import Case
    from amn.gate.result import GateResult
    from amn.golden.schema import Golden
    from amn.storage import Content

    Members = dict[str, bytes]


def toml(values: dict[str, Any]) -> str:
    """Return a case as TOML; JSON's strings, numbers and lists are TOML's too."""
    lines = [f"{k} = {json.dumps(v)}" for k, v in values.items() if not isinstance(v, dict)]
    for name, section in values.items():
        if isinstance(section, dict):
            lines.append(f"[{name}]")
            lines += [
                f"{key} = {{ articles = {json.dumps(v['articles'])} }}"
                if isinstance(v, dict)
                else f"{key} = {json.dumps(v)}"
                for key, v in section.items()
            ]
    return "\n".join(lines)


@dataclass(frozen=True)
class Gated:
    """A gated case."""

    case: Case
    options: GateOptions
    result: GateResult

    def members(self, **how: bool) -> dict[str, Content]:
        """Return what its verdict rests on."""
        return members_of(self.case, self.options, self.result, **how)


@pytest.fixture(scope="module")
def gated(
    toy_data: Path, toy_cache: Path, toy_golden: Golden, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gated]:
    """A gated toy case with an index and a golden."""
    root = tmp_path_factory.mktemp("gated")
    folder = root / "golden" / "case"
    folder.mkdir(parents=True)
    shutil.copytree(toy_data, root / "data")
    build_index(open_dataset(root / "data"), "flat")
    values = {**CASE, "dataset": {"path": "../../data"}}
    (folder / "case.toml").write_text(toml(values), "utf-8")
    write_golden(folder, toy_golden)
    options = GateOptions(cache=toy_cache, today=date(2026, 1, 1))
    case = load_case(folder)
    yield Gated(case, options, run_gate(case, options))
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def packed(gated: Gated) -> Members:
    """The members of the bundle of that gate, without its data."""
    members = {**gated.members(), VERDICT_FILE: timeless(to_json([gated.result]))}
    return {name: content for name, content in members.items() if isinstance(content, bytes)}


@pytest.fixture(scope="module")
def packed_with_data(gated: Gated, packed: Members) -> Members:
    """The members of the bundle with the data."""
    members = gated.members(with_data=True)
    data = {name: c.read_bytes() for name, c in members.items() if isinstance(c, Path)}
    rest = {name: c for name, c in members.items() if isinstance(c, bytes)}
    return {**rest, **data, VERDICT_FILE: packed[VERDICT_FILE]}


@pytest.fixture
def bundle(packed: Members, tmp_path: Path) -> Callable[..., Path]:
    """Write the bundle; keywords of a function change its members, and every digest fits."""

    def bundle(change: Callable[[Members], None] | None = None) -> Path:
        members = dict(packed)
        if change:
            change(members)
        write_archive(tmp_path / "out.zip", members, {})
        return tmp_path / "out.zip"

    return bundle


def edited(members: Members, name: str, edit: Callable[[Any], None]) -> None:
    value = json.loads(members[name])
    edit(value)
    members[name] = json.dumps(value).encode()


def test_the_verdict_is_reached_again_without_data_weights_or_git(
    bundle: Callable[..., Path], packed: Members
) -> None:
    [one] = replay(bundle())

    said = json.loads(packed[VERDICT_FILE])["results"][0]
    assert one.differences == ()
    assert one.verdict.value == said["verdict"]
    assert one.again + one.carried != ()
    assert sorted(one.again + one.carried) == sorted(said["declared"])
    judged = judged_ids(one.again)
    assert {"C001", "C002", "G001", "G002", "G004", "G008", "R001", "E002"} <= judged
    assert {label[0] for label in one.carried} <= {"D", "I", "S", "W", "M", "E", "G"}


def test_what_reads_scores_and_courses_alone_is_judged_again(bundle: Callable[..., Path]) -> None:
    [one] = replay(bundle())

    judged = judged_ids(one.again)
    assert {c for c in judged if c[0] == "M"} == {"M002", "M005"}
    assert {c for c in judged if c[0] == "E"} == {"E002", "E003", "E004", "E005", "E008", "E014"}
    assert {c for c in judged if c[0] == "R"} == {f"R{n:03}" for n in (*range(1, 14), 16)}
    assert {c for c in judged_ids(one.carried) if c[0] in "CG"} == {
        "G010",
        "G013",
        "G020",
        "G021",
        "G022",
        "G024",
    }


def test_scores_that_were_changed_in_the_bundle_are_judged_as_they_are_there(
    packed: Members, bundle: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "candidate"
    names = ("evaluation.json", "cosines.npz")
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(packed[f"case/candidate-000/{name}"])
    whole = load_evaluation(folder)
    alike = replace(whole.scores["ood"], rank=0.0, norm_error=0.5)
    save_evaluation(folder, replace(whole, scores={**whole.scores, "ood": alike}))
    changed = {f"case/candidate-000/{name}": (folder / name).read_bytes() for name in names}

    [one] = replay(bundle(lambda members: members.update(changed)))

    assert "M002-unit_output: PASS in the bundle, HARNESS now" in "\n".join(one.differences)
    assert "M005-diversity: PASS in the bundle, FAIL now" in "\n".join(one.differences)


def test_what_comes_next_is_judged_again_from_the_values_of_each_window(
    packed: Members, bundle: Callable[..., Path], tmp_path: Path
) -> None:
    changed = {}
    for number in range(3):
        folder = tmp_path / f"candidate-{number}"
        folder.mkdir()
        for name in (names := ("evaluation.json", "cosines.npz")):
            (folder / name).write_bytes(packed[f"case/candidate-{number:03}/{name}"])
        whole = load_evaluation(folder)
        values = whole.scores["ood"].values
        lower = {**values, "in_article": values["in_article"] - 0.3}
        ood = replace(whole.scores["ood"], values=lower)
        save_evaluation(folder, replace(whole, scores={**whole.scores, "ood": ood}))
        changed |= {f"case/candidate-{number:03}/{n}": (folder / n).read_bytes() for n in names}

    [one] = replay(bundle(lambda members: members.update(changed)))

    assert "G014-in_article_ood: PASS in the bundle, FAIL now" in "\n".join(one.differences)
    assert not [line for line in one.differences if line.startswith(("G001", "G015", "G016"))]


def test_a_bundle_holds_neither_vectors_nor_weights(packed: Members) -> None:
    assert not [name for name in packed if name.endswith((".npy", ".safetensors", ".parquet"))]
    assert sum(map(len, packed.values())) < 1_000_000


def judged_ids(labels: tuple[str, ...]) -> set[str]:
    return {label.partition("-")[0] for label in labels}


def test_with_the_data_what_reads_them_is_judged_again_elsewhere(
    packed_with_data: Members, packed: Members, gated: Gated, tmp_path: Path
) -> None:
    write_archive(tmp_path / "full.zip", packed_with_data, {})
    write_archive(tmp_path / "bare.zip", packed, {})

    [full], [bare] = replay(tmp_path / "full.zip"), replay(tmp_path / "bare.zip")

    assert (full.has_data, bare.has_data) == (True, False)
    assert full.differences == bare.differences == ()
    assert full.verdict is bare.verdict
    labels = (label.partition("-")[0] for label in gated.result.declared)
    early = {check for check in labels if family_of(check) in BEFORE_TRAINING}
    assert {check[0] for check in early} == {"D", "I", "S", "W"}
    assert early <= judged_ids(full.again)
    assert not early & judged_ids(bare.again)
    # E001 counts the windows of the data; G021, G022 and G024 compare them with the golden's.
    beside = {"E001", "G021", "G022", "G024"}
    assert judged_ids(full.again) - judged_ids(bare.again) == early | beside


def spoil_a_row(members: Members) -> None:
    name = "case/data-000/vectors-00000.npy"
    members[name] = members[name][:-96] + b"\0" * 96  # the last row: 24 float32


def spoil_the_index(members: Members) -> None:
    content = bytearray(members["case/data-000/index.faiss"])
    content[-1] ^= 1
    members["case/data-000/index.faiss"] = bytes(content)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (spoil_a_row, "D002-unit_norm: PASS in the bundle, FAIL now"),
        (
            spoil_the_index,
            "I001-digest: PASS in the bundle, FAIL now: case/data-000/index.faiss: expected",
        ),
        (lambda members: members.pop("case/data-000/dataset.json"), "D003-readable: PASS in the"),
    ],
)
def test_data_that_were_changed_in_the_bundle_with_its_digests_differ(
    change: Callable[[Members], None], difference: str, packed_with_data: Members, tmp_path: Path
) -> None:
    members = dict(packed_with_data)
    change(members)
    write_archive(tmp_path / "out.zip", members, {})

    [one] = replay(tmp_path / "out.zip")

    assert difference in "\n".join(one.differences)
    assert one.verdict is not Verdict.PASS


def test_a_case_on_two_data_sets_is_packed_with_both(
    make_case: Callable[..., Case], toy_data: Path, tmp_path: Path
) -> None:
    shutil.copytree(toy_data, tmp_path / "other")
    ood = {"ood": {"dataset": str(tmp_path / "other")}}
    case = make_case(tmp_path / "case", split=ood)

    folders = data_folders(case)

    assert folders == {str(toy_data): "data-000", str(tmp_path / "other"): "data-001"}
    assert data_files(tmp_path / "other") == [
        "chunks-00000.parquet",
        "dataset.json",
        "vectors-00000.npy",
    ]


def test_a_manifest_cannot_pack_what_is_not_the_data_sets(toy_data: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_data, tmp_path / "data")
    (tmp_path / "secret").write_text("mine", "utf-8")
    manifest = json.loads((tmp_path / "data" / "dataset.json").read_text("utf-8"))
    manifest["files"][0]["path"] = "../secret"
    (tmp_path / "data" / "dataset.json").write_text(json.dumps(manifest), "utf-8")

    assert not [name for name in data_files(tmp_path / "data") if "secret" in name]


def test_data_are_packed_into_a_bundle_alone() -> None:
    result = CliRunner().invoke(cli, ["gate", "case", "--with-data"])

    assert result.exit_code == 2
    assert "--with-data: expected --bundle FILE.zip beside it" in result.output


def set_check(check: str, **values: object) -> Callable[[Members], None]:
    """Change what the verdict says of a check."""

    def change(members: Members) -> None:
        def edit(document: Any) -> None:
            [result] = document["results"]
            next(c for c in result["checks"] if c["id"] == check).update(values)

        edited(members, VERDICT_FILE, edit)

    return change


def lower_golden(members: Members) -> None:
    name = "case/golden/case/golden.json"
    members[name] = members[name].replace(b"first accepted", b"other accepted")


def drop_candidate(members: Members) -> None:
    edited(members, "case/context.json", lambda context: context.update(candidates=2))


def say(verdict: str) -> Callable[[Members], None]:
    return lambda members: edited(
        members, VERDICT_FILE, lambda document: document["results"][0].update(verdict=verdict)
    )


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (set_check("C001", number=0.99), "C001-in_dist: 0.99 in the bundle"),
        (set_check("C002", status="FAIL"), "C002-ood: FAIL in the bundle, PASS now"),
        (set_check("D001", status="FAIL"), "verdict: "),
        (lower_golden, "PASS in the bundle, FAIL now"),
        (drop_candidate, "E008-seeds: PASS in the bundle"),
        (say("HARNESS"), "verdict: HARNESS in the bundle"),
    ],
)
def test_a_bundle_that_was_changed_with_its_digests_differs(
    change: Callable[[Members], None], difference: str, bundle: Callable[..., Path]
) -> None:
    [one] = replay(bundle(change))

    assert difference in "\n".join(one.differences)


def lower_floor(members: Members) -> None:
    name = "case/golden/case/case.toml"
    members[name] = members[name].replace(b"ood = 0.3", b"ood = 0.1")


def lead_out(members: Members) -> None:
    edited(members, VERDICT_FILE, lambda document: document["results"][0].update(case="../case"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lower_floor, "expected the config of the verdict, got another case.toml"),
        (lead_out, "expected the files of every case"),
        (lambda m: m.pop(VERDICT_FILE), "verdict.json"),
        (lambda m: m.pop("case/context.json"), "expected the files of every case"),
        (lambda m: m.pop("case/candidate-001/candidate.json"), "candidate.json"),
        (lambda m: m.pop("case/candidate-001/evaluation.json"), "evaluation.json"),
        (
            lambda m: m.update({VERDICT_FILE: b'{"schema": 2, "results": []}'}),
            "expected the files of every",
        ),
        (
            lambda m: m.update({VERDICT_FILE: b'{"schema": 2, "results": [1]}'}),
            "expected a whole bundle",
        ),
        (lambda m: m.update({"case/context.json": b"[]"}), "expected a whole bundle"),
        (lambda m: m.update({"case/candidate-000/cosines.npz": b"PK"}), "expected sha256"),
        (lambda m: m.update({"case/candidate-000/candidate.json": b"{"}), "expected a whole"),
        (say("GREEN"), "expected a whole bundle"),
    ],
)
def test_a_bundle_that_is_not_whole_is_refused_in_one_line(
    change: Callable[[Members], None], message: str, bundle: Callable[..., Path]
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        replay(bundle(change))

    assert str(caught.value).count("out.zip") == 1
    assert "\n" not in str(caught.value)


def command(*words: str) -> Result:
    return CliRunner().invoke(cli, ["replay", *words])


def test_the_command_exits_as_the_gate_did_and_lists_what_it_did(
    bundle: Callable[..., Path],
) -> None:
    path = bundle()
    verdict = replay(path)[0].verdict

    text, data = command(str(path)), command(str(path), "--format", "json")

    assert text.exit_code == data.exit_code == verdict.exit_code()
    assert f"case: {verdict.value}, as in the bundle" in text.output
    assert "no data in the bundle" in text.output
    assert "judged again (" in text.output
    assert json.loads(data.output)["cases"][0]["differences"] == []


def test_another_result_exits_with_3(bundle: Callable[..., Path]) -> None:
    result = command(str(bundle(set_check("C001", number=0.99))))

    assert result.exit_code == 3
    assert "DIFFERS C001-in_dist: 0.99 in the bundle" in result.output


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["none.zip"],
        ["."],
        ["text.zip"],
        ["text.zip", "none.zip"],
        ["text.zip", "--sha256", "00"],
        ["text.zip", "--format", "xml"],
        ["text.zip", "--strct"],
        ["text.zip/x"],
        ["none.zip", "--sha256", ""],
    ],
)
def test_bad_input_is_refused_and_changes_nothing(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.zip").write_text("text", "utf-8")

    result = command(*words)

    assert result.exit_code == 2 or isinstance(result.exception, AmnError)
    assert "\n" not in str(result.exception)
    assert [path.name for path in Path().rglob("*")] == ["text.zip"]
    assert Path("text.zip").read_text("utf-8") == "text"


@pytest.mark.parametrize("name", ["out", "out.tar", "out.zip.gz", "kept/out.zip", "folder", ""])
def test_a_bundle_that_cannot_be_written_is_refused_before_the_gate(
    name: str, packed: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kept").write_text("mine", "utf-8")
    Path("folder").mkdir()
    Path("golden/case").mkdir(parents=True)
    Path("golden/case/case.toml").write_bytes(packed["case/golden/case/case.toml"])

    result = CliRunner().invoke(cli, ["gate", "case", "--bundle", name])

    assert result.exit_code == 2 or "--bundle: expected" in str(result.exception)
    assert Path("kept").read_text("utf-8") == "mine"
    assert sorted(p.name for p in Path().iterdir()) == ["folder", "golden", "kept"]


def test_a_gate_of_metrics_is_replayed_from_its_metrics_file(
    packed: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("golden/case").mkdir(parents=True)
    Path("golden/case/case.toml").write_bytes(packed["case/golden/case/case.toml"])
    scores = {"in_dist": 0.7, "ood": 0.8}
    Path("metrics.json").write_text(json.dumps(scores), "utf-8")

    gated = CliRunner().invoke(
        cli, ["gate", "case", "--metrics", "metrics.json", "--bundle", "out.zip"]
    )
    [one] = replay(Path("out.zip"))

    assert one.verdict.exit_code() == gated.exit_code
    assert one.differences == ()
    assert any(label.startswith("C001") for label in one.again)
    assert "case/metrics.json" in unpack_archive(Path("out.zip"), Path("unpacked"))["files"]


def test_a_bundle_says_of_itself_what_the_published_schema_says(
    packed: Members, tmp_path: Path
) -> None:
    write_archive(tmp_path / "b.zip", packed, made_with())
    with ZipFile(tmp_path / "b.zip") as archive:
        manifest = json.loads(archive.read("bundle.json"))
        verdict = json.loads(archive.read(VERDICT_FILE))

    jsonschema.validate(manifest, json.loads(json_schema("bundle")))
    jsonschema.validate(verdict, json.loads(json_schema("verdict")))


def test_a_bundle_of_another_version_is_refused_by_name(bundle: Callable[..., Path]) -> None:
    def older(members: Members) -> None:
        edited(members, VERDICT_FILE, lambda document: document.update(schema=1))

    with pytest.raises(
        DataError, match=r"expected schema 2 of verdict\.json, got 1\. Fix: amn gate"
    ):
        replay(bundle(older))
