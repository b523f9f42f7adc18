"""The commands of the net: what each runs on, what is changed first, and the words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.net import scenes as s
from tests.net.scenes import CI, TOY, WIKI

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Command:
    """A command of the net.

    Attributes:
        id: Its first word is its group, and the name of the file of its record.
        base: What it runs on a copy of: empty, shipped, trained (shipped, with runs), toy.
        words: The command line; what it says is recorded.
        changes: What is done to the copy first.
        before: Command lines that are run first; `!` before one that may fail.
        then: What is done to the copy after those.
        variables: Of its environment.
        file: A file that it writes, which is recorded too.
    """

    id: str
    base: str
    words: str
    changes: tuple[Callable[[Path], object], ...] = ()
    before: tuple[str, ...] = ()
    then: tuple[Callable[[Path], object], ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    file: str = ""


def _group(base: str, words: str, rows: dict[str, Any]) -> list[Command]:
    """Return commands of one line of words, by id: the changes before each."""
    made = []
    for name, changes in rows.items():
        steps = changes if isinstance(changes, tuple) else (changes,)
        made.append(Command(name, base, words, tuple(step for step in steps if step)))
    return made


JSON = "--format json"
GATE_WIKI = f"amn gate wiki-mini {JSON}"
GATE_TOY = f"amn gate toy {JSON}"
CASE = f"{WIKI}/case.toml"
TOY_CASE = f"{TOY}/case.toml"
DATA = f"{WIKI}/data"
MANIFEST = f"{DATA}/dataset.json"
GOLDEN = f"{WIKI}/golden.json"
OOD = '"ood": {"mean": 0.605007211994'  # in it
LEDGER = f"{WIKI}/ledger.jsonl"

SHIPPED = [
    Command("shipped-gate", "trained", GATE_WIKI),
    Command("shipped-gate-text", "trained", "amn gate wiki-mini -v"),
    Command("shipped-gate-markdown", "trained", "amn gate --format markdown"),
    Command("shipped-gate-strict", "trained", f"{GATE_WIKI} --strict"),
    Command("shipped-check-data", "shipped", f"amn check data {DATA} {JSON}"),
    Command("shipped-check-index", "shipped", f"amn check index {DATA} {JSON}"),
    Command("shipped-check-split", "shipped", f"amn check split {WIKI} {JSON}"),
    Command("shipped-check-data-text", "shipped", f"amn check data {DATA}"),
    Command("shipped-verify", "shipped", f"amn golden verify {JSON}"),
    Command("shipped-verify-text", "shipped", "amn golden verify wiki-mini --target main"),
    Command("shipped-list", "shipped", "amn golden list"),
    Command("shipped-log", "shipped", "amn golden log wiki-mini"),
    Command("shipped-log-json", "shipped", f"amn golden log wiki-mini {JSON}"),
    Command("shipped-headroom", "shipped", f"amn golden headroom wiki-mini {JSON}"),
    Command("shipped-headroom-text", "shipped", "amn golden headroom"),
    Command("shipped-describe", "shipped", f"amn data describe {DATA} {JSON}"),
    Command("shipped-diagnose", "trained", f"amn diagnose wiki-mini {JSON}"),
    Command("shipped-report", "trained", "amn report wiki-mini --format markdown"),
    Command("shipped-doctor", "shipped", "amn doctor"),
    Command("shipped-ci-init", "shipped", "amn ci init gitlab --install .", file=".gitlab-ci.yml"),
    Command("shipped-calibrate", "shipped", f"amn calibrate wiki-mini --trials 200 {JSON}"),
    Command(
        "shipped-require", "trained", "amn ci require v.json", before=("amn gate -o v.json",)
    ),
    Command(
        "shipped-replay", "trained", f"amn replay o.zip {JSON}", before=("amn gate --bundle o.zip",)
    ),
    Command(
        "shipped-replay-data", "trained", f"amn replay o.zip {JSON}",
        before=("amn gate --bundle o.zip --with-data",),
    ),
]  # fmt: skip

_UNDECLARED = [{**line, "train_loss": line["train_loss"] * 1.5} for line in s.epochs()]

# Gates of a given score need no data and no training.
METRICS = _group("shipped", f"{GATE_WIKI} --metrics m.json", {
    "metrics-above": s.put("m.json", '{"in_dist": 0.6123, "ood": 0.6051}'),
    "metrics-below": s.put("m.json", '{"in_dist": 0.55, "ood": 0.5999999999}'),
    "metrics-no-ood": s.put("m.json", '{"in_dist": 0.6123, "ood": null}'),
    "metrics-nan": s.put("m.json", '{"in_dist": NaN, "ood": 0.61}'),
    "metrics-delta": s.put("m.json", '{"in_dist": 0.75, "ood": 0.62}'),
    "metrics-references": s.put("m.json", json.dumps({
        "in_dist": 0.62, "ood": 0.61,
        "references": {"in_dist": {"constant": 0.2, "mean": 0.6}, "ood": {"mean": 0.609}},
    })),
    "metrics-below-constant": s.put("m.json", json.dumps({
        "in_dist": 0.55, "ood": 0.02,
        "references": {"ood": {"constant": 0.19}, "in_dist": {"constant": 0.2}},
    })),
    "metrics-percent": s.put("m.json", '{"in_dist": 61.2, "odd": 0.6}'),
    "metrics-history": s.record("m.json", in_dist=0.61, ood=0.62, status=None),
    "metrics-history-undeclared": s.record("m.json", _UNDECLARED, in_dist=0.61, ood=0.62,
                                           status=None),
    "metrics-history-collapsed": s.record("m.json", in_dist=0.58, ood=0.02, status=None,
                                          references={"ood": {"constant": 0.19, "mean": 0.55}}),
    "metrics-unknown-key": s.record("m.json", in_dist=0.61, ood=0.62),
})  # fmt: skip
METRICS += [
    Command(
        "metrics-first-run", "shipped", f"{GATE_WIKI} --metrics m.json --first-run",
        (s.put("m.json", '{"in_dist": 0.6123, "ood": 0.6051}'),),
    ),
    Command(
        "metrics-strict-text", "shipped", "amn gate wiki-mini --metrics m.json --strict",
        (s.put("m.json", '{"in_dist": 0.55, "ood": 0.60}'),),
    ),
]  # fmt: skip


def _first_articles(columns: dict[str, Any]) -> None:
    """Give the second article the id of the first."""
    ids = columns["article_id"]
    ids[ids == np.unique(ids)[1]] = ids[0]


def _exchange(columns: dict[str, Any]) -> None:
    """Exchange two articles' ids."""
    ids = columns["article_id"]
    one, two = np.unique(ids)[[3, 4]]
    a, b = ids == one, ids == two
    ids[a], ids[b] = two, one


def _swap(vectors: Any) -> None:
    vectors[[1, 7000]] = vectors[[7000, 1]]


# Broken copies of the shipped case, gated: what breaks before training trains nothing.
BROKEN = _group("shipped", GATE_WIKI, {
    "broken-nan": s.in_vectors(s.set_rows((5000, 7), np.nan)),
    "broken-infinite": (s.in_vectors(s.set_rows((5000, 7), -np.inf)), s.sign),
    "broken-zero": (s.in_vectors(s.set_rows(-2, 0)), s.sign),
    "broken-long-row": (s.in_vectors(s.set_rows(4000, np.float16(0.0364))), s.sign),
    "broken-swapped-rows": (s.in_vectors(_swap), s.sign),
    "broken-flipped-bit": s.flip(f"{DATA}/vectors-00000.npy"),
    "broken-shuffled": (
        s.in_vectors(lambda v: np.random.default_rng(0).shuffle(v[2000:8000])), s.sign
    ),
    "broken-stale-index": (s.in_vectors(lambda v: np.negative(v[9], out=v[9])), s.sign),
    "broken-duplicate-keys": (s.in_chunks(_first_articles), s.sign),
    "broken-order": (s.in_chunks(_exchange), s.sign),
    "broken-cut-vectors": s.cut(f"{DATA}/vectors-00000.npy"),
    "broken-cut-parquet": s.cut(f"{DATA}/chunks-00000.parquet"),
    "broken-no-parquet": s.remove(f"{DATA}/chunks-00000.parquet"),
    "broken-no-manifest": s.remove(f"{DATA}/dataset.json"),
    "broken-manifest-text": s.put(f"{DATA}/dataset.json", "{"),
    "broken-sha": s.in_json(MANIFEST, lambda m: m["files"][0].update(sha256="0" * 64)),
    "broken-stages": s.in_json(MANIFEST, lambda m: m["stages"][0].update(rows_in=15406)),
    "broken-rows": s.in_json(MANIFEST, lambda m: m.update(rows=15000)),
    "broken-index-ids": s.in_index(s.exchange_ids),
    "broken-index-metric": s.in_index(lambda i: setattr(i, "metric_type", 1)),
    "broken-index-cut": s.cut(f"{DATA}/index.faiss"),
    "broken-index-cut-signed": (s.cut(f"{DATA}/index.faiss", 0.9), s.sign_index),
    "broken-index-bit": s.flip(f"{DATA}/index.faiss"),
    "broken-index-record": s.remove(f"{DATA}/index.json"),
    "broken-index-rows": s.in_json(f"{DATA}/index.json", lambda m: m.update(rows=15000)),
    "broken-splits-overlap": s.edit(f"{WIKI}/splits.json", "10937]", "10937, 11180, 11188]"),
    "broken-splits-article": s.put(f"{WIKI}/splits.json", '{"in_dist": [621, 700, 1]}'),
    "broken-splits-few": s.put(f"{WIKI}/splits.json", '{"in_dist": [621, 700, 928]}'),
    "broken-splits-gone": s.remove(f"{WIKI}/splits.json"),
    "broken-ood-empty": s.edit(CASE, '"11001-15192"', '"20001-20100"'),
    "broken-ood-all": s.edit(CASE, '"11001-15192"', '"600-15192"'),
    "broken-ood-dataset-gone": s.edit(CASE, '"11001-15192" }', '"11001-15192", dataset = "more" }'),
    "broken-unknown-key": s.edit(CASE, "context = 5", "contxt = 5"),
    "broken-two-problems": (
        s.edit(CASE, "seeds = [0, 1, 2]", "seeds = []"),
        s.edit(CASE, "lift    = 0.001", 'lift = "x"'),
    ),
    "broken-no-dataset": s.edit(CASE, 'path = "data"', 'path = "elsewhere"'),
    "broken-case-text": s.put(CASE, "schema = 1\n[["),
    "broken-schema": s.edit(CASE, "schema = 1", "schema = 9"),
    "broken-waiver-text": s.put(f"{WIKI}/waivers.toml", "x"),
})  # fmt: skip
# The same, where training has been done: limits and goldens.
BROKEN += _group("trained", GATE_WIKI, {
    "broken-index-gone": (s.remove(f"{DATA}/index.json"), s.remove(f"{DATA}/index.faiss")),
    "broken-floor": s.edit(CASE, 'profile = "minimum"', 'profile = "minimum"\nood = 0.61'),
    "broken-floors": s.edit(CASE, 'profile = "minimum"', "in_dist = 0.70\nood = 0.70"),
    "broken-lift": s.edit(CASE, "lift    = 0.001", "lift = 0.0045"),
    "broken-delta": s.edit(CASE, "[-0.03, 0.03]", "[-0.007, 0.03]"),
    "broken-waived-floor": (
        s.edit(CASE, 'profile = "minimum"', 'profile = "minimum"\nood = 0.61'),
        s.waive("C002", case=WIKI), s.merge,
    ),
    "broken-waiver-expired": (s.waive("C002", since=-20, until=-5, case=WIKI), s.merge),
    "broken-waiver-of-custody": (s.waive("G008", case=WIKI), s.merge),
    "broken-golden-edited": s.edit(GOLDEN, OOD, OOD.replace("0.605", "0.595")),
    "broken-golden-cosines": s.in_sums(lambda c: c - 0.02),
    "broken-golden-bit": s.flip(f"{WIKI}/golden.csv"),
    "broken-golden-gone": (s.remove(GOLDEN), s.remove(f"{WIKI}/golden.csv")),
    "broken-ledger-edited": s.edit(LEDGER, "five seeds", "six seeds"),
    "broken-ledger-gone": s.remove(LEDGER),
    "broken-orphan": (s.copied(WIKI, "golden/old"), s.remove("golden/old/case.toml")),
    "broken-golden-other-case": s.edit(GOLDEN, '"case": "wiki-mini"', '"case": "wiki-maxi"'),
    "broken-margin": s.edit(CASE, "[criteria]", "[golden]\nmargin = 0.05\n[criteria]"),
    "broken-check-gone": s.edit(GOLDEN, '{"D003', '{"D099-gone": [null, null], "D003'),
})  # fmt: skip
BROKEN += [
    Command(
        "broken-nan-text", "shipped", "amn gate wiki-mini",
        (s.in_vectors(s.set_rows((5000, 7), np.nan)),),
    ),
    Command(
        "broken-index-text", "shipped", f"amn check index {DATA}", (s.in_index(s.exchange_ids),)
    ),
    Command("broken-data-json", "shipped", f"amn check data {DATA} {JSON}",
            (s.cut(f"{DATA}/vectors-00000.npy"),)),
    Command("broken-split-text", "shipped", f"amn check split {WIKI}",
            (s.put(f"{WIKI}/splits.json", '{"in_dist": [621, 700, 11005]}'),)),
    Command("broken-floor-text", "trained", "amn gate",
            (s.edit(CASE, 'profile = "minimum"', "in_dist = 0.70\nood = 0.70"),)),
    Command("broken-floor-github", "trained", "amn gate --format github",
            (s.edit(CASE, 'profile = "minimum"', "in_dist = 0.70\nood = 0.70"),)),
    Command("broken-floor-gitlab", "trained", "amn gate --format gitlab -o codequality=q.json",
            (s.edit(CASE, 'profile = "minimum"', "in_dist = 0.70\nood = 0.70"),), file="q.json"),
    Command("broken-floor-diagnose", "trained", f"amn diagnose wiki-mini {JSON}",
            (s.edit(CASE, 'profile = "minimum"', "in_dist = 0.70\nood = 0.70"),)),
    Command("broken-floor-replay", "trained", f"amn replay o.zip {JSON}",
            (s.edit(CASE, 'profile = "minimum"', "in_dist = 0.70\nood = 0.70"),),
            before=("!amn gate --bundle o.zip",)),
    Command("broken-verify", "shipped", f"amn golden verify {JSON}",
            (s.edit(LEDGER, "five seeds", "six seeds"), s.copied(WIKI, "golden/old"),
             s.remove("golden/old/case.toml"))),
    Command("broken-verify-text", "shipped", "amn golden verify",
            (s.edit(GOLDEN, OOD, OOD.replace("0.605", "0.595")),)),
    Command("broken-prune", "shipped", "amn golden prune",
            (s.copied(WIKI, "golden/old"), s.remove("golden/old/case.toml"))),
]  # fmt: skip

SELFTEST = [
    Command("selftest-list", "shipped", "amn selftest --list"),
    Command("selftest-data", "trained", f"amn selftest wiki-mini --only D --only W {JSON}"),
    Command("selftest-golden-text", "trained", "amn selftest wiki-mini --only G -v"),
    Command("selftest-one", "trained", "amn selftest wiki-mini --only nan-row"),
    Command("selftest-all", "trained", f"amn selftest wiki-mini --variants 10 {JSON}"),
    Command("selftest-unknown", "shipped", "amn selftest wiki-mini --only Q001"),
]

TOYS = [
    Command("toy-gate", "toy", GATE_TOY),
    Command("toy-gate-text", "toy", "amn gate toy -v"),
    Command("toy-check-data", "toy", f"amn check data data {JSON}"),
    Command("toy-check-index", "toy", f"amn check index data {JSON}"),
    Command("toy-check-split", "toy", f"amn check split toy {JSON}"),
    Command("toy-run", "toy", f"{GATE_TOY} --run runs/toy-seed-7",
            before=("amn train toy --seed 7",)),
    Command("toy-runs-three", "toy",
            f"{GATE_TOY} --run runs/toy-seed-7 --run runs/toy-seed-8 --run runs/toy-seed-9",
            before=("amn train toy --seed 7 --seed 8 --seed 9",)),
    Command("toy-checkpoint", "toy",
            f"{GATE_TOY} --checkpoint runs/toy-seed-7/model.safetensors",
            before=("amn train toy --seed 7",)),
    Command("toy-checkpoint-cut", "toy",
            f"{GATE_TOY} --checkpoint runs/toy-seed-7/model.safetensors",
            before=("amn train toy --seed 7",), then=(s.cut("runs/toy-seed-7/model.safetensors"),)),
    Command("toy-checkpoint-bit", "toy",
            f"{GATE_TOY} --checkpoint runs/toy-seed-7/model.safetensors",
            before=("amn train toy --seed 7",),
            then=(s.flip("runs/toy-seed-7/model.safetensors", 0.9),)),
    Command("toy-run-tampered", "toy", f"{GATE_TOY} --run runs/toy-seed-7",
            before=("amn train toy --seed 7",),
            then=(s.edit("runs/toy-seed-7/run.json", '"seed": 7', '"seed": 8'),)),
    Command("toy-check-run", "toy", f"amn check run runs/toy-seed-7 --case toy {JSON}",
            before=("amn train toy --seed 7",)),
    Command("toy-same", "toy", f"{GATE_TOY} --run runs/toy-seed-0",
            before=("amn train toy --seed 0",)),
    Command("toy-allow-same", "toy", f"{GATE_TOY} --run runs/toy-seed-0 --allow-same",
            before=("amn train toy --seed 0",)),
    Command("toy-eval", "toy", "amn eval toy --checkpoint runs/toy-seed-7/model.safetensors",
            before=("amn train toy --seed 7",)),
    Command("toy-train", "toy", "amn train toy --seed 7"),
    Command("toy-no-golden", "toy", GATE_TOY,
            (s.remove(f"{TOY}/golden.json"), s.remove(f"{TOY}/golden.csv"),
             s.remove(f"{TOY}/ledger.jsonl"), s.merge)),
    Command("toy-first-run", "toy", f"{GATE_TOY} --first-run",
            (s.remove(f"{TOY}/golden.json"), s.remove(f"{TOY}/golden.csv"),
             s.remove(f"{TOY}/ledger.jsonl"), s.merge)),
    Command("toy-diff", "toy", "amn golden diff toy"),
    Command("toy-new-again", "toy", "amn golden new toy --reason again --author A"),
    Command("toy-update", "toy", "amn golden update toy --reason 'the same again' --author A"),
    Command("toy-update-log", "toy", f"amn golden log toy {JSON}",
            before=("amn golden update toy --reason 'the same again' --author A",)),
    Command("toy-update-ci", "toy", "amn golden update toy --reason no --author A",
            variables={"CI": "true"}),
    Command("toy-update-uncommitted", "toy", "amn golden update toy --reason no --author A",
            (s.edit(TOY_CASE, "lr = 0.003", "lr = 0.002"),)),
    Command("toy-update-worse", "toy", "amn golden update toy --reason no --author A",
            (s.edit(TOY_CASE, "epochs = 3", "epochs = 1"), s.commit)),
    Command("toy-update-accept-worse", "toy",
            "amn golden update toy --reason known --author A --accept-regression",
            (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.99"), s.commit)),
    Command("toy-adopt", "toy", "amn golden adopt toy --reason r --author A",
            (s.remove(f"{TOY}/ledger.jsonl"), s.commit)),
    Command("toy-anchor", "toy", "amn golden anchor toy --reason 'release 1.0' --author A"),
    Command("toy-lr", "toy", GATE_TOY, (s.edit(TOY_CASE, "lr = 0.003", "lr = 0.0001"), s.merge)),
    Command("toy-context", "toy", GATE_TOY,
            (s.edit(TOY_CASE, "context = 3", "context = 4"), s.merge)),
    Command("toy-gru", "toy", GATE_TOY,
            (s.edit(TOY_CASE, "[model]", '[model]\nkind = "gru"'),
             s.edit(TOY_CASE, "attention_dim = 8\n", ""), s.merge)),
    Command("toy-diverges", "toy", GATE_TOY,
            (s.edit(TOY_CASE, "lr = 0.003", "lr = 50.0"), s.merge)),
    Command("toy-two-seeds", "toy", GATE_TOY,
            (s.edit(TOY_CASE, "[0, 1, 2]", "[0, 1]"), s.merge)),
    Command("toy-blocked", "toy", GATE_TOY,
            (s.copied(TOY, "golden/first"), s.remove("golden/first/golden.json"),
             s.edit(TOY_CASE, "schema = 1", 'schema = 1\nblocked_by = "first"'), s.merge)),
    Command("toy-unknown-loss", "toy", GATE_TOY,
            (s.edit(TOY_CASE, "seeds = [0, 1, 2]",
                    "seeds = [0, 1, 2]\nloss = { mse = 1.0, infonce = 0.5 }"), s.merge)),
    Command("toy-replay-data", "toy", f"amn replay o.zip {JSON}",
            before=("amn gate --bundle o.zip --with-data",)),
    Command("toy-replay-text", "toy", "amn replay o.zip", before=("amn gate --bundle o.zip",)),
    Command("toy-replay-first-run", "toy", f"amn replay o.zip {JSON}",
            (s.remove(f"{TOY}/golden.json"), s.remove(f"{TOY}/golden.csv"),
             s.remove(f"{TOY}/ledger.jsonl"), s.merge),
            before=("amn gate --bundle o.zip --first-run",)),
    Command("toy-replay-metrics", "toy", f"amn replay o.zip {JSON}",
            (s.put("m.json", '{"in_dist": 0.6, "ood": 0.7}'),),
            before=("amn gate --bundle o.zip --metrics m.json",)),
    Command("toy-replay-tampered", "toy", f"amn replay out.zip {JSON}",
            before=("amn gate --bundle out.zip",),
            then=(s.tampered_bundle("golden/toy/case.toml", b"ood = 0.3", b"ood = 0.2"),)),
    Command("toy-replay-cut", "toy", "amn replay o.zip",
            before=("amn gate --bundle o.zip",), then=(s.cut("o.zip"),)),
    Command("toy-require-tampered", "toy", "amn ci require v.json",
            before=("amn gate -o v.json",),
            then=(s.edit("v.json", '"id": "C002"', '"id": "C009"'),)),
    Command("toy-require-failed", "toy", "amn ci require v.json",
            (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.99"), s.merge),
            before=("!amn gate -o v.json",)),
    Command("toy-junit", "toy", "amn gate -o j.xml",
            (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.99"), s.merge), file="j.xml"),
    Command("toy-comment", "toy", "amn gate -o comment=c.md",
            (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.99"), s.merge), file="c.md"),
    Command("toy-fine-tune", "toy", "amn train toy --seed 8 --init-from "
            "runs/toy-seed-7/model.safetensors --out fine", before=("amn train toy --seed 7",)),
    Command("toy-diagnose", "toy", f"amn diagnose toy {JSON}",
            (s.edit(TOY_CASE, "lr = 0.003", "lr = 0.0001"), s.merge)),
    Command("toy-diagnose-checkpoint", "toy",
            f"amn diagnose runs/toy-seed-7/model.safetensors --case toy {JSON}",
            before=("amn train toy --seed 7",),
            then=(s.flip("runs/toy-seed-7/model.safetensors", 0.9),)),
    Command("toy-report-run", "toy", "amn report runs/toy-seed-7 --format markdown",
            before=("amn train toy --seed 7",)),
    Command("toy-replay-sha", "toy", "amn replay o.zip --sha256 abc",
            before=("amn gate --bundle o.zip",)),
    Command("toy-two-cases", "toy", "amn gate --metrics m.json",
            (s.put("m.json", '{"in_dist": 0.6, "ood": 0.7}'), s.copied(TOY, "golden/more"))),
    Command("toy-sweep", "toy", "amn train toy --sweep sweep.toml --format json",
            (s.put("sweep.toml", 'schema = 1\n[grid]\n"training.lr" = [0.001, 0.003]\n'),)),
]  # fmt: skip


def _training(more: str) -> tuple[Any, Any]:
    """Return what adds a line to the small case's training."""
    return s.edit(TOY_CASE, "batch_size = 128\n", f"batch_size = 128\n{more}\n"), s.merge


# What case.toml may say otherwise; each is trained.
CONFIG = _group("toy", GATE_TOY, {
    "config-losses": _training("losses = { mse = 1.0, infonce = 0.002, variance = 0.1 }"),
    "config-dominated": _training("losses = { mse = 1.0, infonce = 1.0 }"),
    "config-cosine-loss": _training('loss = "cosine"'),
    "config-schedule": _training('schedule = "cosine"\nwarmup_epochs = 1.0\nema = 0.9'),
    "config-curriculum": _training("curriculum = [{ from_epoch = 1, coherent = 0.5 }]"),
    "config-bfloat16": _training('precision = "bfloat16"'),
    "config-init-mean": (
        s.edit(TOY_CASE, "[model]\nattention_dim = 8", '[model]\nkind = "gru"'),
        *_training('init = "mean"'),
    ),
    "config-stretch": _training("stretch = 2\nearly_stopping = 2"),
    "config-first-epoch": _training("abort = { first_epoch = 0.99 }"),
    "config-adaptive": (
        s.edit(TOY_CASE, "[0, 1, 2]", "[0, 1, 2, 3, 4]"),
        s.edit(TOY_CASE, "[criteria]", "[golden]\nadaptive_seeds = [3, 5]\n\n[criteria]"), s.merge,
    ),
    "config-lstm": (
        s.edit(TOY_CASE, "[model]\nattention_dim = 8", '[model]\nkind = "lstm"'), s.merge
    ),
    "config-transformer": (
        s.edit(TOY_CASE, "[model]\nattention_dim = 8",
               '[model]\nkind = "transformer"\nheads = 2\nlayers = 1'), s.merge,
    ),
    "config-regularised": (
        s.edit(TOY_CASE, "[model]", '[model]\nrecipe = "regularised"'), s.merge
    ),
    "config-target": (
        s.edit(TOY_CASE, "in_dist = 0.3\nood = 0.3\n", 'profile = "target"\n'), s.merge
    ),
    "config-fraction": (
        s.edit(TOY_CASE, '{ articles = "41-52" }', "{ fraction = 0.25, seed = 1 }"), s.merge
    ),
    "config-one-split": (s.edit(TOY_CASE, '"53-64"', '"45-64"'), s.merge),
    "config-no-index": (
        s.edit(TOY_CASE, 'path = "../../data"', 'path = "../../data"\nindex = false'), s.merge
    ),
    "config-recall": (
        s.edit(TOY_CASE, "[criteria]", "[index]\nrecall = 1.0\n\n[criteria]"), s.merge
    ),
    "config-alpha": (
        s.edit(TOY_CASE, "[criteria]", "[golden]\nalpha = 0.2\n\n[criteria]"), s.merge
    ),
})  # fmt: skip
CONFIG += [
    Command("config-two-data-sets", "toy", GATE_TOY, (
        s.rows_file(lambda rows: rows[-16:]),
        s.edit(TOY_CASE, '{ articles = "53-64" }', '{ dataset = "../../more" }'), s.merge,
    ), before=("amn data import vectors.npz more --dtype float32",)),
]  # fmt: skip


def _lower(golden_margin: Any) -> None:
    """Lower a recorded mean by hand, where the table says otherwise."""
    golden_margin["metrics"]["cosine"]["ood"]["mean"] -= 0.05


# Changes in a history of git, beside the merge base with main.
HISTORY = _group("toy", GATE_TOY, {
    "history-untouched": s.commit,
    "history-uncommitted": s.edit(TOY_CASE, "ood = 0.3", "ood = 0.2"),
    "history-floor": (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.2"), s.commit),
    "history-floor-raised": (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.31"), s.commit),
    "history-needed-floor": (
        s.edit(TOY_CASE, "ood = 0.3", "ood = 0.99"), s.merge,
        s.edit(TOY_CASE, "ood = 0.99", "ood = 0.3"), s.commit,
    ),
    "history-margin": (
        s.edit(TOY_CASE, "[criteria]", "[golden]\nmargin = 0.05\n\n[criteria]"), s.commit
    ),
    "history-lift": (s.edit(TOY_CASE, "lift = -0.05", "lift = -0.1"), s.commit),
    "history-abort": (
        s.edit(TOY_CASE, "[criteria]", "[training.abort]\nstall_epochs = 20\n\n[criteria]"),
        s.commit,
    ),
    "history-seeds": (s.edit(TOY_CASE, "[0, 1, 2]", "[2, 3, 4]"), s.commit),
    "history-shrunk": (s.edit(TOY_CASE, '"53-64"', '"53-62"'), s.commit),
    "history-golden-removed": (
        s.remove(f"{TOY}/golden.json"), s.remove(f"{TOY}/golden.csv"), s.commit
    ),
    "history-golden-by-hand": (s.in_json(f"{TOY}/golden.json", _lower), s.commit),
    "history-check-removed": (
        s.in_json(f"{TOY}/golden.json", lambda g: g["checks"]["data"].pop("D001-finite")), s.commit
    ),
    "history-ledger-edited": (
        s.edit(f"{TOY}/ledger.jsonl", "first accepted result", "agreed by all"), s.commit
    ),
    "history-ledger-removed": (s.remove(f"{TOY}/ledger.jsonl"), s.commit),
    "history-index-removed": (s.remove("data/index.json"), s.remove("data/index.faiss"), s.commit),
    "history-case-removed": (
        s.copied(TOY, "golden/other"), s.merge, s.remove("golden/other"), s.commit
    ),
    "history-waiver": (s.waive("C002"), s.commit),
    "history-waiver-merged": (
        s.edit(TOY_CASE, "ood = 0.3", "ood = 0.99"), s.waive("C002"), s.merge
    ),
    "history-waiver-expired": (s.waive("C002", since=-20, until=-5), s.commit),
    "history-exit-ignored": (s.edit(CI, "--strict", "--strict || true"), s.commit),
    "history-step-removed": (s.edit(CI, "      - run: amn gate --strict\n", ""), s.commit),
    "history-not-strict": (s.edit(CI, " --strict", ""), s.commit),
    "history-continue": (
        s.edit(CI, "--strict\n", "--strict\n        continue-on-error: true\n"), s.commit
    ),
    "history-depth": (s.edit(CI, "fetch-depth: 0", "fetch-depth: 1"), s.commit),
    "history-ci-removed": (s.remove(CI), s.commit),
    "history-hook": (s.put("conftest.py", s.HIDING_HOOK), s.commit),
    "history-plugin-off": (s.put("pytest.ini", "[pytest]\naddopts = -p no:amn\n"), s.commit),
    "history-pytest-harmless": (s.put("pytest.ini", "[pytest]\naddopts = -ra\n"), s.commit),
    "history-runs-brought": (
        s.put(".gitignore", ""), s.put(".amn/runs/.gitignore", ""),
        s.put(".amn/runs/ab/run.json", "{}"), s.commit
    ),
    "history-shallow": s.shallow,
    "history-clone": (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.2"), s.cloned),
    "history-unrelated": (s.unrelated,),
    "history-no-git": s.no_git,
    "history-no-main": s.no_main,
})  # fmt: skip
_FLOOR = (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.2"), s.commit)
HISTORY += [
    Command("history-approved", "toy", f"{GATE_TOY} --approve-loosening 'C. Lead: agreed'", _FLOOR),
    Command("history-approved-text", "toy", "amn gate --approve-loosening 'C. Lead: agreed'",
            _FLOOR),
    Command("history-target", "toy", f"{GATE_TOY} --target change", _FLOOR),
    Command("history-target-gone", "toy", f"{GATE_TOY} --target release", _FLOOR),
    Command("history-target-ci", "toy", GATE_TOY, (*_FLOOR, s.cloned),
            variables={"GITHUB_BASE_REF": "main"}),
    Command("history-no-git-target", "toy", f"{GATE_TOY} --target main", (s.no_git,)),
    Command("history-floor-text", "toy", "amn gate toy", _FLOOR),
    Command("history-floor-github", "toy", "amn gate toy --format github", _FLOOR),
    Command("history-verify", "toy", f"amn golden verify {JSON}", _FLOOR),
    Command("history-verify-text", "toy", "amn golden verify",
            (s.waive("G001"), s.edit(CI, "fetch-depth: 0", "fetch-depth: 1"), s.commit)),
    Command("history-honest-update", "toy", GATE_TOY,
            (s.edit(TOY_CASE, "epochs = 3", "epochs = 4"), s.commit),
            before=("amn golden update toy --reason 'one epoch more' --author A",)),
    Command("history-drift", "toy", GATE_TOY,
            (s.edit(TOY_CASE, "epochs = 3", "epochs = 1"), s.commit),
            before=("amn golden update toy --reason less --author A --accept-regression",),
            then=(s.commit,)),
    Command("history-shallow-target", "toy", f"{GATE_TOY} --target origin/main", (s.shallow,)),
    Command("history-orphan", "toy", f"amn golden verify {JSON}",
            (s.copied(TOY, "golden/old"), s.remove("golden/old/case.toml"), s.commit)),
]  # fmt: skip

# Rows that are imported, so that every digest is right, and checked.
ROWS = [
    Command(f"rows-{name}", "empty", f"amn check data d {JSON}", (s.rows_file(function),),
            before=("amn data import vectors.npz d --dtype float32",))
    for name, function in {
        "sound": len,
        "shuffled": s.shuffled,
        "two-encoders": s.rotated_half,
        "doubled": s.doubled,
        "stuck-column": lambda rows: rows[::2, :, 5].fill(0) or rows.__itruediv__(
            np.linalg.norm(rows, axis=-1, keepdims=True)),
        "repeated-article": lambda rows: rows.__setitem__(slice(40, 44), rows[10:14]),
        "few": lambda rows: rows[:9],
        "constant-row": lambda rows: rows.__setitem__((3, 3), np.float32(s.DIM**-0.5)),
    }.items()
]  # fmt: skip
ROWS += [
    Command("rows-import-npy", "empty", "amn data import v.npy d --ids ids.csv", (
        s.rows_file(lambda rows: rows[:12]), s.as_npy)),
    Command("rows-import-pickle", "empty", "amn data import v.npy d --ids ids.csv", (
        s.rows_file(lambda rows: rows[:12]), s.as_npy, s.pickled)),
    Command("rows-import-nan", "empty", "amn data import vectors.npz d",
            (s.rows_file(lambda rows: rows.__setitem__((1, 1), np.nan)),)),
    Command("rows-import-drop", "empty", "amn data import vectors.npz d --drop-bad",
            (s.rows_file(lambda rows: rows.__setitem__((1, 1), np.nan)),)),
    Command("rows-import-long", "empty", "amn data import vectors.npz d",
            (s.rows_file(lambda rows: rows.__imul__(2)),)),
    Command("rows-import-normalise", "empty", f"amn check data d {JSON}",
            (s.rows_file(lambda rows: rows.__imul__(2)),),
            before=("amn data import vectors.npz d --normalise",)),
    Command("rows-import-exists", "toy", "amn data import vectors.npz data", (s.rows_file(),)),
    Command("rows-case-new", "empty", "amn case new mine --dataset d --context 3 --kind amn",
            (s.rows_file(),), before=("amn data import vectors.npz d",),
            file="golden/mine/case.toml"),
    Command("rows-index", "empty", "amn index build d --kind hnsw", (s.rows_file(),),
            before=("amn data import vectors.npz d",)),
    Command("rows-index-sq8", "empty", f"amn check index d {JSON}", (s.rows_file(),),
            before=("amn data import vectors.npz d", "amn index build d --kind sq8")),
    Command("rows-split", "empty", f"amn data split d s.json --in-dist 0.3 --ood 0.3 {JSON}",
            (s.rows_file(),), before=("amn data import vectors.npz d",), file="s.json"),
    Command("rows-filter", "empty", f"amn data filter d e --rules coherence=0.5,short=6 {JSON}",
            (s.rows_file(),), before=("amn data import vectors.npz d",)),
    Command("rows-compare", "toy", f"amn data compare data d {JSON}",
            (s.rows_file(lambda rows: rows[:40]),), before=("amn data import vectors.npz d",)),
    Command("rows-describe", "toy", "amn data describe data --context 3"),
]  # fmt: skip

_SWAPPED = [
    {**line, "train_cosine": line["val_cosine"], "val_cosine": line["train_cosine"]}
    for line in s.epochs()
]
_RECORDS: dict[str, Any] = {
    "sound": s.record("r.json"),
    "no-weights": s.record("r.json", loss_weights=None),
    "crashed": s.record("r.json", s.epochs(3), status="crashed", stop="loss is NaN at step 12"),
    "nan": s.record("r.json", s.epochs(val_cosine=lambda e: 0.5 if e < 4 else float("nan"))),
    "stalled": s.record("r.json", s.epochs(20, val_cosine=lambda e: 0.6 if e == 1 else 0.58,
                                           val_loss=lambda e: 0.1 if e == 1 else 0.105)),
    "collapsed": s.record("r.json", s.epochs(val_cosine=lambda e: 0.6 if e < 5 else 0.4,
                                             val_loss=lambda e: 0.1 if e < 5 else 0.15)),
    "low": s.record("r.json", s.epochs(first=0.2, best=0.34)),
    "below-constant": s.record("r.json", s.epochs(first=0.02, best=0.05)),
    "dominated": s.record("r.json", s.with_term("info", s.always(600.0)),
                          loss_weights={"mse": 1.0, "info": 1.0}),
    "shared": s.record("r.json", s.with_term("info", lambda e: 0.4 + e / 50),
                       loss_weights={"mse": 1.0, "info": 1.0}),
    "dead-term": s.record("r.json", [{**line, "train_loss_var": 0.001,
                                      "train_loss": line["train_loss"] + 0.001}
                                     for line in s.epochs()],
                          loss_weights={"mse": 1.0, "var": 1.0}),
    "undeclared": s.record("r.json", _UNDECLARED),
    "wrong-weights": s.record("r.json", s.with_term("info", lambda e: e / 10),
                              loss_weights={"mse": 1.0, "info": 0.5}),
    "tampered": s.record("r.json", best_val_cosine=0.91),
    "inconsistent": s.record("r.json", s.epochs(val_loss=lambda e: 0.01 * e)),
    "epoch-missing": s.record("r.json", [e for e in s.epochs() if e["epoch"] != 4]),
    "one-column": s.record("r.json", [{**e, "train_cosine": e["val_cosine"]} for e in s.epochs()]),
    "exchanged": s.record("r.json", _SWAPPED),
    "rate-rises": s.record("r.json", s.epochs(lr=lambda e: 0.001 / e if e < 6 else 0.001)),
    "scores": s.record("r.json", in_dist=0.55, ood=0.02, references={"constant": 0.19}),
    "columns": s.put("r.json", json.dumps({"history": {"val_cosine": [0.5, 0.55, 0.6]}})),
    "csv": s.csv("r.csv", s.epochs()),
    "mlflow": s.mlflow("r"),
    "mlflow-failed": s.mlflow("r", "FAILED"),
    "broken-json": s.put("r.json", "{'history'"),
    "no-epochs": s.put("r.json", '{"weather": "fine"}'),
}  # fmt: skip
_WORDS = {"csv": "r.csv", "mlflow": "r", "mlflow-failed": "r"}
RECORDS = [
    Command(f"record-{name}", "empty", f"amn check run {_WORDS.get(name, 'r.json')} {JSON}", (put,))
    for name, put in _RECORDS.items()
]
_FOLDER = (
    s.record("runs/a.json"), _RECORDS["crashed"], s.record("runs/c.json", _UNDECLARED),
    s.csv("runs/d.csv", s.epochs()), s.put("runs/e.json", "{"), s.mlflow("runs/f"),
    s.record("runs/g.json", s.with_term("info", s.always(600.0)), loss_weights=None),
)  # fmt: skip
RECORDS += [
    Command("record-folder", "empty", f"amn check run runs {JSON}", _FOLDER),
    Command("record-folder-text", "empty", "amn check run runs r.json", _FOLDER),
    Command("record-seed-profile", "empty", f"amn check run r.json --profile seed {JSON}",
            (_RECORDS["low"],)),
    Command("record-references", "empty",
            f"amn check run r.json --reference constant=0.3 --reference mean=0.61 {JSON}",
            (_RECORDS["sound"],)),
    Command("record-text", "empty", "amn check run r.json", (_RECORDS["dominated"],)),
    Command("record-report", "empty", "amn report runs --format markdown", _FOLDER),
    Command("record-report-text", "empty", "amn report r.json --title One",
            (_RECORDS["tampered"],)),
    Command("record-diagnose-dominated", "empty", f"amn diagnose r.json {JSON}",
            (_RECORDS["dominated"],)),
    Command("record-diagnose-undeclared", "empty", f"amn diagnose r.json {JSON}",
            (_RECORDS["undeclared"],)),
    Command("record-diagnose-stalled", "empty", f"amn diagnose r.json {JSON}",
            (_RECORDS["stalled"],)),
    Command("record-diagnose-text", "empty", "amn diagnose r.json -v", (_RECORDS["scores"],)),
]  # fmt: skip

_HIGH = (s.edit(TOY_CASE, "ood = 0.3", "ood = 0.99"), s.merge)
PYTEST = [
    Command("pytest-whole", "toy", "pytest golden/ -q"),
    Command("pytest-names", "toy", "pytest golden/ --co -q"),
    Command("pytest-k", "toy", "pytest golden/ -q -k 'C00 or G001'"),
    Command("pytest-m", "toy", "pytest golden/ -q -m amn_data"),
    Command("pytest-deselect", "toy",
            f"pytest golden/ -q --deselect {TOY_CASE}::C002-ood"),
    Command("pytest-node", "toy", f"pytest -v {TOY_CASE}::G001-ood"),
    Command("pytest-failing", "toy", "pytest golden/ -q", _HIGH),
    Command("pytest-x", "toy", "pytest golden/ -q -x", _HIGH),
    Command("pytest-broken", "toy", "pytest golden/ -q",
            (s.in_vectors(s.set_rows((50, 3), np.nan), "data"),)),
    Command("pytest-hidden", "toy", "pytest golden/ -q -k 'C001 or C002'",
            (s.put("conftest.py", s.HIDING_HOOK), *_HIGH)),
    Command("pytest-loosened", "toy", "pytest golden/ -q", _FLOOR),
    Command("pytest-approved", "toy",
            "pytest golden/ -q --amn-approve-loosening='C. Lead: agreed'", _FLOOR),
    Command("pytest-first-run", "toy", "pytest golden/ -q --amn-first-run",
            (s.remove(f"{TOY}/golden.json"), s.remove(f"{TOY}/golden.csv"),
             s.remove(f"{TOY}/ledger.jsonl"), s.merge)),
    Command("pytest-wrong-case", "toy", "pytest golden/ -q",
            (s.edit(TOY_CASE, "epochs = 3", "epoch = 3"),)),
    Command("pytest-xdist", "toy", "pytest golden/ -q -n 2"),
    Command("pytest-xdist-failing", "toy", "pytest golden/ -q -n 2", _HIGH),
    Command("pytest-shipped", "trained", "pytest golden/ -q"),
]  # fmt: skip

HELP = [
    Command(f"help-{name or 'amn'}", "empty", f"amn {name} --help")
    for name in ("", "gate", "check", "golden", "data", "case", "selftest", "replay", "train")
]  # fmt: skip
RULES = [
    Command("rules-all", "empty", "amn rules"),
    Command("rules-some", "empty", "amn rules D007 C002 G001 R006 I006 E009"),
    Command("rules-unknown", "empty", "amn rules D999"),
    Command("rules-schema", "empty", "amn gate --schema"),
]
USE = [
    Command(f"use-{name}", base, words)
    for name, base, words in (
        ("no-command", "empty", "amn judge"),
        ("no-option", "toy", "amn gate toy --formt json"),
        ("no-case", "toy", "amn gate nowhere"),
        ("no-cases", "empty", "amn gate"),
        ("format", "toy", "amn gate toy --format xml"),
        ("two-modes", "toy", "amn gate toy --metrics m.json --run x"),
        ("no-metrics", "toy", "amn gate toy --metrics m.json"),
        ("no-run", "toy", "amn gate toy --run runs/none"),
        ("no-checkpoint", "toy", "amn gate toy --checkpoint none.safetensors"),
        ("suffix", "toy", "amn gate toy -o x.pdf"),
        ("empty-approval", "toy", "amn gate toy --approve-loosening ' '"),
        ("bundle-name", "toy", "amn gate toy --bundle out.tar"),
        ("no-reason", "toy", "amn golden update toy"),
        ("case-exists", "toy", "amn case new toy --dataset data"),
        ("no-data", "empty", "amn check data nowhere"),
        ("no-record", "empty", "amn check run none.json"),
        ("reference", "empty", "amn check run none.json --reference mean=7"),
        ("no-bundle", "empty", "amn replay none.zip"),
        ("diagnose", "empty", "amn diagnose none.json"),
        ("seeds", "toy", "amn golden diff toy --seeds 2"),
    )
]

COMMANDS: Sequence[Command] = (
    *SELFTEST[-2:-1], *SHIPPED, *SELFTEST[:-2], *SELFTEST[-1:], *BROKEN, *TOYS, *CONFIG, *HISTORY,
    *METRICS, *ROWS, *RECORDS, *PYTEST, *HELP, *RULES, *USE,
)  # fmt: skip
