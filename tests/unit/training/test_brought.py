"""Models in files of other kinds: ONNX and plain weights are judged, the rest is told its way."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from amn.errors import CheckpointError, MissingDependencyError
from amn.evaluation.runner import predict
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, gate_of, plan_of, run_gate
from amn.golden.store import write_golden
from amn.training.networks.build import ADMITTED
from amn.training.scorer import evaluate, open_checkpoint
from tests.onnx_files import linear
from tests.own_models import run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.load import Case
    from amn.gate.evidence import Evidence
    from amn.gate.result import GateResult
    from amn.training.plan import Plan

CONTEXT, DIM = 3, 24
FACTORY = """
import torch

class Linear(torch.nn.Module):
    def __init__(self, dim, context):
        super().__init__()
        self.out = torch.nn.Linear(dim * context, dim, bias=False)

    def forward(self, x):
        return self.out(x.flatten(1))

def build(*, dim, context):
    return Linear(dim, context)
"""


@pytest.fixture(autouse=True)
def _nothing_stays_admitted() -> Iterator[None]:
    yield
    ADMITTED.clear()
    sys.modules.pop("brought_model", None)


@pytest.fixture(scope="session")
def ridge(toy_splits: Evidence) -> NDArray[np.float32]:
    """Weights (T * D, D) of a ridge regression on the training windows."""
    rows = toy_splits["windows"]["train"].gather(slice(None)).astype(np.float64)
    x, y = rows[:, :-1].reshape(len(rows), -1), rows[:, -1]
    weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
    return weights.astype(np.float32)


@pytest.fixture
def case(make_case: Callable[..., Case], tmp_path: Path) -> Case:
    (tmp_path / "case").mkdir()
    found = make_case(tmp_path / "case", training={"seeds": [0]})
    criteria = found.config.criteria.model_copy(update={"lift": -0.3})
    return replace(found, config=found.config.model_copy(update={"criteria": criteria}))


@pytest.fixture
def own(case: Case) -> Case:
    """The case with a network of its own."""
    (case.folder / "brought_model.py").write_text(FACTORY, "utf-8")
    config = case.config.model_dump(by_alias=True, exclude_unset=True)
    values = {**config, "model": {"factory": "brought_model:build"}, "training": {"seeds": [0]}}
    return replace(case, config=type(case.config).model_validate(values))


def bad(result: GateResult) -> set[str]:
    return {outcome.check for outcome in result.outcomes if outcome.has_failed}


def with_golden(case: Case, predictions: Path, cache: Path) -> None:
    """Accept predictions as the golden of a case."""
    accepted = accept(
        case, cache=cache, seeds=(), predictions=(predictions,), reason="first", author="us",
        created=date(2026, 1, 1),
    )  # fmt: skip
    write_golden(case.folder, accepted.golden)


@pytest.fixture
def predictions(ridge: Any, toy_splits: Evidence, tmp_path: Path) -> Path:
    """What the ridge predicts, in a file."""
    judged = [toy_splits["windows"][split] for split in ("in_dist", "ood")]
    rows = np.concatenate([w.gather(slice(None))[:, :-1] for w in judged])
    names = [name for w in judged for name in w.names().to_pylist()]
    made = rows.reshape(len(rows), -1) @ ridge
    np.savez(tmp_path / "ridge.npz", window=np.array(names), prediction=made)
    return tmp_path / "ridge.npz"


@pytest.fixture
def onnx(tmp_path: Path) -> Callable[..., Path]:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

    def onnx(weights: NDArray[np.float32], name: str = "model.onnx", **how: Any) -> Path:
        (tmp_path / name).write_bytes(linear(weights, CONTEXT, **how))
        return tmp_path / name

    return onnx


def test_an_onnx_file_is_scored_as_its_predictions_are_and_passes_beside_their_golden(
    onnx: Any, ridge: Any, predictions: Path, case: Case, tmp_path: Path
) -> None:
    with_golden(case, predictions, tmp_path / "cache")

    result = run_gate(case, GateOptions(cache=tmp_path, checkpoint=onnx(ridge)))
    by_predictions = run_gate(
        case, GateOptions(cache=tmp_path, predictions=(predictions,), allow_same=True)
    )

    assert bad(result) == set()
    mine = {o.check: o.number for o in result.outcomes if o.check[0] in "EC"}
    theirs = {o.check: o.number for o in by_predictions.outcomes if o.check in mine}
    shared = [check for check in theirs if mine[check] is not None]
    assert len(shared) > 5
    for check in shared:
        assert mine[check] == pytest.approx(theirs[check], abs=1e-5), check
    declared = {label.partition("-")[0] for label in result.declared}
    assert declared.isdisjoint({"M001", "M004", "M006", "M007"})
    assert declared > {"M002", "M003", "M005", "M008", "E009"}


def of_last(part: Any) -> Any:
    """Weights that answer with the last row."""
    weights = np.zeros_like(part)
    weights[-DIM:] = np.eye(DIM)
    return weights


def of_the_window_after(toy_splits: Evidence) -> NDArray[np.float32]:
    """Weights of a ridge regression whose targets are two windows late."""
    rows = toy_splits["windows"]["train"].gather(slice(None)).astype(np.float64)
    x, y = rows[:-2, :-1].reshape(len(rows) - 2, -1), rows[2:, -1]
    return np.asarray(np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y), np.float32)


BROKEN = {
    "the mean of the context": (lambda w: np.tile(np.eye(DIM), (CONTEXT, 1)) + 0 * w, "G001"),
    "copied context": (of_last, "E004"),
    "context too early": (lambda w: w[[*range(DIM, 3 * DIM), *range(DIM)]], "G001"),
    "one vector": (lambda w: np.outer(w.mean(axis=1), np.ones(DIM)), "E010"),
}


@pytest.mark.parametrize("way", BROKEN)
def test_an_onnx_file_that_is_broken_gets_its_verdict_beside_the_golden(
    onnx: Any, ridge: Any, predictions: Path, case: Case, tmp_path: Path, way: str
) -> None:
    with_golden(case, predictions, tmp_path / "cache")
    change, check = BROKEN[way]

    result = run_gate(case, GateOptions(cache=tmp_path, checkpoint=onnx(change(ridge))))

    assert check in bad(result)


def test_an_onnx_file_that_was_trained_on_shifted_targets_is_worse_than_the_golden(
    onnx: Any, predictions: Path, case: Case, toy_splits: Evidence, tmp_path: Path
) -> None:
    with_golden(case, predictions, tmp_path / "cache")
    file = onnx(of_the_window_after(toy_splits))

    assert {"G001", "G002"} <= bad(run_gate(case, GateOptions(cache=tmp_path, checkpoint=file)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: linear(w, CONTEXT, batch=1), "to (B, 24), got: "),
        (lambda w: linear(w[:48], 2), "expected a model from (B, 3, 24)"),
        (lambda w: linear(w[:, :7], CONTEXT), r"got (2, 7) for (2, 3, 24)"),
        (lambda w: linear(w, CONTEXT)[:-40], "expected a model from (B, 3, 24)"),
        (lambda _: b"nothing", "expected a model from (B, 3, 24)"),
    ],
)
def test_an_onnx_file_of_another_shape_is_named(
    onnx: Any, ridge: Any, toy_plan: Plan, change: Any, said: str
) -> None:
    path = onnx(ridge)
    path.write_bytes(change(ridge))

    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path, toy_plan.spec)

    assert said in str(caught.value)
    assert "Fix: export it with one input" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_onnx_without_its_extra_is_one_line_that_names_it(
    toy_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "model.onnx").write_bytes(b"")

    with pytest.raises(MissingDependencyError, match=r"^onnxruntime: not installed; .* Fix: pip "):
        open_checkpoint(tmp_path / "model.onnx", toy_plan.spec)


def test_plain_weights_are_loaded_into_the_network_of_the_factory(
    ridge: Any, own: Case, predictions: Path, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"out.weight": torch.from_numpy(ridge.T.copy())}, path)
    with_golden(own, predictions, tmp_path / "cache")

    result = run_gate(own, GateOptions(cache=tmp_path, checkpoint=path))

    assert bad(result) == set()
    declared = {label.partition("-")[0] for label in result.declared}
    assert declared.isdisjoint({"M001", "M004", "M006", "M007"})
    gate = gate_of(own, GateOptions(cache=tmp_path, predictions=(predictions,)))
    [scored] = gate.evidence["evaluations"]
    mine = evaluate(plan_of(own), path)
    for split in ("in_dist", "ood"):
        difference = mine.scores[split].cosines - scored.scores[split].cosines
        assert np.abs(difference).max() < 1e-6


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"out.weight": (DIM, 7)}, "out.weight: expected shape (24, 72), got (24, 7)"),
        ({"other.weight": (DIM, 72)}, "missing out.weight; unexpected other.weight"),
        ({"out.weight": (DIM, 72), "out.bias": (DIM,)}, "unexpected out.bias"),
    ],
)
def test_plain_weights_of_another_network_are_named(
    own: Case, tmp_path: Path, tensors: Any, said: str
) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, path)
    plan = plan_of(own)

    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path, plan.spec)
    assert said in str(caught.value)

    result = run_gate(own, GateOptions(cache=tmp_path, checkpoint=path, first_run=True))
    assert result.verdict.exit_code() == 3


def test_plain_weights_without_a_factory_are_told_their_ways(
    toy_plan: Plan, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"out.weight": torch.zeros(2, 2)}, path)

    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path, toy_plan.spec)

    assert "got plain weights and amn/recency/1" in str(caught.value)
    assert "Fix: [model] factory =" in str(caught.value)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv"])
def test_a_file_of_predictions_is_told_so(toy_plan: Plan, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(b"anything")

    with pytest.raises(CheckpointError, match=rf"Fix: amn gate CASE --predictions {path}"):
        open_checkpoint(path, toy_plan.spec)


def test_torchscript_is_told_its_way_and_never_run(toy_plan: Plan, tmp_path: Path) -> None:
    import zipfile  # noqa: PLC0415 - for this file alone

    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/code/__torch__.py", "raise SystemExit")
        archive.writestr("model/constants.pkl", b"c__builtin__\nexit\n.")

    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path, toy_plan.spec)

    assert "got TorchScript" in str(caught.value)
    assert "torch.onnx.export(model, example, " in str(caught.value)


@pytest.mark.parametrize("within", ["", "model_state_dict"])
def test_weights_in_a_file_of_torch_are_told_the_command_that_makes_them_safetensors(
    own: Case, tmp_path: Path, within: str
) -> None:
    path = tmp_path / "mine.pt"
    state = {"out.weight": torch.ones(DIM, CONTEXT * DIM)}
    torch.save({within: state} if within else state, path)
    plan = plan_of(own)

    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path, plan.spec)

    _, _, fix = str(caught.value).partition(". Fix: ")
    command, _, rest = fix.partition(", and gate that")
    assert rest == " with [model] factory in case.toml"
    python, option, code = shlex.split(command)
    assert (python, option) == ("python", "-c")
    assert run_here(code, tmp_path) == 0
    checkpoint = open_checkpoint(path.with_suffix(".safetensors"), plan.spec)
    made = predict(checkpoint.model, torch.ones(1, CONTEXT, DIM))
    assert made.shape == (1, DIM)
