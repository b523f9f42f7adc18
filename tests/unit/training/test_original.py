"""Checkpoints of the earlier project: read by name, never unpickled."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amn.errors import CheckpointError
from amn.evaluation.runner import predict
from amn.training.original import import_original

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

D, A, H = 8, 4, 12
SHAPES: dict[str, tuple[int, ...]] = {
    "context_encoder": (A, D),
    "query_encoder": (A, D),
    "residual_net.0": (H, 2 * D),
    "residual_net.2": (H,),
    "residual_net.3": (H // 2, H),
    "residual_net.5": (H // 2,),
    "residual_net.6": (D, H // 2),
}


def state(prefix: str = "") -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        f"{prefix}{layer}.{kind}": torch.randn(size, generator=generator)
        for layer, shape in SHAPES.items()
        for kind, size in (("weight", shape), ("bias", shape[:1]))
    }


def reference(weights: dict[str, torch.Tensor], context: torch.Tensor) -> torch.Tensor:
    """Return what the earlier project's code computed."""
    mean = context.mean(dim=1)
    keys = context @ weights["context_encoder.weight"].T + weights["context_encoder.bias"]
    query = mean @ weights["query_encoder.weight"].T + weights["query_encoder.bias"]
    share = torch.softmax(torch.einsum("ba,bta->bt", query, keys) / A**0.5, dim=-1)
    x = torch.cat([mean, torch.einsum("bt,btd->bd", share, context)], dim=-1)
    for linear, norm in (("0", "2"), ("3", "5")):
        layer, after = f"residual_net.{linear}", f"residual_net.{norm}"
        x = torch.nn.functional.gelu(x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"])
        x = torch.nn.functional.layer_norm(
            x, x.shape[-1:], weights[f"{after}.weight"], weights[f"{after}.bias"]
        )
    raw = mean + x @ weights["residual_net.6.weight"].T + weights["residual_net.6.bias"]
    return raw / raw.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize(
    "wrap",
    [
        state,
        lambda: {"model_state_dict": state(), "epoch": 20, "val_cosine": 0.5597},
        lambda: {"state_dict": state("module.")},
        lambda: {"model": state()},
        lambda: state("module."),
    ],
    ids=["plain", "model_state_dict", "module in state_dict", "model", "module"],
)
def test_an_original_checkpoint_computes_what_it_always_did(
    tmp_path: Path, wrap: Callable[[], Any]
) -> None:
    path = tmp_path / "amn.pt"
    torch.save(wrap(), path)
    context = torch.nn.functional.normalize(torch.randn(6, 5, D), dim=-1)

    loaded = import_original(path, context=5)

    with torch.no_grad():
        got = predict(loaded.model, context)
    torch.testing.assert_close(got, reference(state(), context), atol=1e-5, rtol=0)
    assert loaded.is_imported
    assert len(loaded.articles) == 0
    assert (loaded.spec.dim, loaded.spec.attention_dim, loaded.spec.hidden_dim) == (D, A, H)
    assert loaded.spec.context == 5
    assert not loaded.model.training


class Payload:
    """Writes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return (type(self.target).touch, (self.target,))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's, before it refuses
@pytest.mark.parametrize("by_torch", [True, False])
def test_a_pickle_with_other_objects_is_refused_without_running_them(
    tmp_path: Path, *, by_torch: bool
) -> None:
    path, trap = tmp_path / "amn.pt", tmp_path / "executed"
    content = {**state(), "config": Payload(trap)}
    if by_torch:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))

    with pytest.raises(CheckpointError, match=r"amn\.pt: expected tensors only") as caught:
        import_original(path, context=5)
    assert "Fix: torch.save(model.state_dict(), path)" in str(caught.value)
    assert not trap.exists()


def test_foreign_and_missing_names_are_counted_and_named(tmp_path: Path) -> None:
    weights = state()
    weights["lstm.weight_ih_l0"] = weights.pop("query_encoder.weight")
    path = tmp_path / "amn.pt"
    torch.save(weights, path)

    with pytest.raises(CheckpointError) as caught:
        import_original(path, context=5)
    said, _, fix = str(caught.value).partition(". Fix: ")
    assert said.endswith(
        "got 1 missing ['attention.query.weight'] and 1 foreign ['lstm.weight_ih_l0']"
    )
    assert fix.endswith(", and gate that with [model] factory in case.toml")


@pytest.mark.parametrize("content", [[1, 2], 3, torch.zeros(3), {"model": 3}, {}], ids=str)
def test_a_file_without_parameters_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "amn.pt"
    torch.save(content, path)

    with pytest.raises(CheckpointError, match="14 missing"):
        import_original(path, context=5)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("context_encoder.weight", (3,), r"expected matrices .*got \(3,\) and \(12, 16\)"),
        ("residual_net.3.weight", (5, H), "expected the original AMN's weights"),
        ("query_encoder.weight", (A, D + 1), "expected the original AMN's weights"),
    ],
)
def test_a_wrong_shape_is_refused(
    tmp_path: Path, name: str, shape: tuple[int, ...], message: str
) -> None:
    path = tmp_path / "amn.pt"
    torch.save({**state(), name: torch.zeros(shape)}, path)

    with pytest.raises(CheckpointError, match=message):
        import_original(path, context=5)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", bytes(100)], ids=str)
def test_what_is_no_torch_file_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "amn.pt"
    path.write_bytes(content)

    with pytest.raises(CheckpointError) as caught:
        import_original(path, context=5)
    assert caught.value.path == path


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a checkpoint, found none"):
        import_original(tmp_path / "absent.pt", context=5)
    with pytest.raises(CheckpointError):
        import_original(tmp_path, context=5)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's, about a flipped byte
@pytest.mark.parametrize("zipped", [True, False])
@given(data=st.data())
@settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_damaged_file_raises_nothing_but_a_checkpoint_error(
    tmp_path: Path, *, zipped: bool, data: st.DataObject
) -> None:
    path = tmp_path / "amn.pt"
    torch.save(state(), path, _use_new_zipfile_serialization=zipped)
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, min(len(content), 2500) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    try:
        loaded = import_original(path, context=5)
    except CheckpointError as error:
        assert error.path == path  # noqa: PT017 - a flipped bit of a weight cannot be seen
    else:
        assert loaded.is_imported
