"""A checkpoint proves what it computes, or is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, safe_open, save_file
from torch import nn

from amn import storage
from amn.errors import CheckpointError
from amn.evaluation.runner import predict
from amn.storage import sha256_of
from amn.training.checkpoint import (
    PROBE_ATOL,
    PROBE_SEED,
    load_checkpoint,
    probe_input,
    probe_output,
    save_checkpoint,
)
from amn.training.networks.amn import OriginalAMN, RecencyAMN
from amn.training.networks.build import NETWORKS, ModelSpec, build_model

if TYPE_CHECKING:
    from pathlib import Path

SPEC = ModelSpec(architecture="amn/original/1", dim=16, context=4, attention_dim=8, hidden_dim=12)
ARTICLES = np.array([7, 3, 3, 5])
PROBE_START = [-0.32372582, 0.1426461, 0.24076755]
PROBE_SHA256 = "091fd66eb55dd5104b1c47ddb74f7fc8623e6e26e72ef851d21f82542482001f"


def network(spec: ModelSpec = SPEC, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(spec)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.3)
    return model


def save(path: Path, model: nn.Module | None = None, spec: ModelSpec = SPEC) -> Path:
    model = network(spec) if model is None else model
    save_checkpoint(path, model, spec, articles=ARTICLES, provenance={"seed": 4})
    return path


class WithoutMixture(OriginalAMN):
    """The original's names and shapes; the residual sees the mean twice."""

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        mean = context.mean(dim=1)
        return mean + self.residual((mean, mean))


class WarmSoftmax(OriginalAMN):
    """The original's names and shapes; logits are not divided by sqrt(A)."""

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        mean = context.mean(dim=1)
        logits = self.attention(context, mean) * math.sqrt(self.attention.keys.out_features)
        mixture = torch.einsum("bt,btd->bd", torch.softmax(logits, dim=-1), context)
        return mean + self.residual((mean, mixture))


class WithoutResidualStart(OriginalAMN):
    """The original's names and shapes; the mean is not added."""

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = super().forward(context) - context.mean(dim=1)
        return result


LOOKALIKES = [WithoutMixture, WarmSoftmax, WithoutResidualStart]


@pytest.mark.parametrize("architecture", NETWORKS)
def test_a_checkpoint_survives_a_round_trip(tmp_path: Path, architecture: str) -> None:
    spec = replace(SPEC, architecture=architecture)
    model = network(spec)
    loaded = load_checkpoint(save(tmp_path / "m.safetensors", model, spec))

    assert loaded.spec == spec
    assert loaded.articles.tolist() == [3, 5, 7]
    assert loaded.provenance == {"seed": 4}
    assert not loaded.is_imported
    assert not loaded.model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor)


def test_equal_networks_give_equal_bytes(tmp_path: Path) -> None:
    first, second = save(tmp_path / "a.safetensors"), save(tmp_path / "b.safetensors")

    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("lookalike", LOOKALIKES)
def test_a_class_with_the_same_names_and_shapes_but_another_forward_is_refused(
    tmp_path: Path, lookalike: Any
) -> None:
    path = save(tmp_path / "m.safetensors")
    own = network().state_dict()

    def build(spec: ModelSpec) -> nn.Module:
        model = lookalike(
            dim=spec.dim, attention_dim=spec.attention_dim, hidden_dim=spec.hidden_dim
        )
        model.load_state_dict(own, strict=True)  # the trap: nothing complains
        return model

    with torch.no_grad():
        answer = probe_output(build(SPEC), SPEC, PROBE_SEED)
    difference = float((answer - probe_output(network(), SPEC, PROBE_SEED)).abs().max())
    assert difference > 1000 * PROBE_ATOL
    with pytest.raises(CheckpointError, match="probe parity") as caught:
        load_checkpoint(path, build=build)
    assert f"difference of {difference:.3g} " in str(caught.value)
    assert lookalike.__name__ in str(caught.value)


def test_weights_that_came_from_a_lookalike_are_refused_by_the_public_loader(
    tmp_path: Path,
) -> None:
    model = WithoutMixture(dim=16, attention_dim=8, hidden_dim=12)
    model.load_state_dict(network().state_dict())

    with pytest.raises(CheckpointError, match="probe parity"):
        load_checkpoint(save(tmp_path / "m.safetensors", model))


def test_a_class_of_your_own_with_the_same_forward_is_accepted(tmp_path: Path) -> None:
    class Mine(OriginalAMN):
        pass

    loaded = load_checkpoint(
        save(tmp_path / "m.safetensors"),
        build=lambda spec: Mine(dim=spec.dim, attention_dim=8, hidden_dim=12),
    )

    assert type(loaded.model) is Mine


def test_a_network_that_answers_nan_is_refused(tmp_path: Path) -> None:
    model = network()
    with torch.no_grad():
        model.get_parameter("residual.0.weight")[0, 0] = math.nan

    with pytest.raises(CheckpointError, match="difference of nan"):
        load_checkpoint(save(tmp_path / "m.safetensors", model))


@given(data=st.data())
@settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_flipped_bit_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "m.safetensors"
    content = bytearray(save(path).read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert caught.value.path == path


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused_with_its_name(tmp_path: Path, share: float) -> None:
    path = save(tmp_path / "m.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    with pytest.raises(CheckpointError, match=r"m\.safetensors: expected a whole safetensors file"):
        load_checkpoint(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a checkpoint, found none"):
        load_checkpoint(tmp_path / "absent.safetensors")


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path)

    with pytest.raises(CheckpointError, match=r"got None\. Fix: of another network"):
        load_checkpoint(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"format": "amn-checkpoint/2"}'])
def test_a_description_of_another_format_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata={"amn": text})

    with pytest.raises(CheckpointError, match=r"expected (format amn-checkpoint/1|a description)"):
        load_checkpoint(path)


def test_a_file_that_states_no_digest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata={"amn": '{"format": "amn-checkpoint/1"}'})

    with pytest.raises(CheckpointError, match="expected content of sha256 None, got"):
        load_checkpoint(path)


def test_tensors_under_another_files_metadata_are_refused(tmp_path: Path) -> None:
    path, other = (
        save(tmp_path / "m.safetensors"),
        save(tmp_path / "o.safetensors", network(seed=1)),
    )
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(other), path, metadata=metadata)

    with pytest.raises(CheckpointError, match="changed or damaged"):
        load_checkpoint(path)


def test_every_wrong_name_and_shape_is_listed(tmp_path: Path) -> None:
    path = save(tmp_path / "m.safetensors")

    def build(spec: ModelSpec) -> nn.Module:
        return RecencyAMN(dim=spec.dim, context=spec.context, attention_dim=9, hidden_dim=12)

    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path, build=build)
    message = str(caught.value)
    assert "missing recency" in message
    assert "attention.keys.weight: expected shape (9, 16), got (8, 16)" in message
    assert "attention.query.bias: expected shape (9,), got (8,)" in message


def test_a_description_that_no_network_has_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.safetensors", network(), replace(SPEC, architecture="amn/next/1"))

    with pytest.raises(
        CheckpointError, match=r"m\.safetensors: architecture: expected .*amn/next/1"
    ):
        load_checkpoint(path)


def test_an_interrupted_save_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "m.safetensors")
    old = path.read_bytes()

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(path, network(seed=1))

    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_the_probe_is_frozen() -> None:
    probe = probe_input(SPEC, PROBE_SEED)

    assert probe.dtype == torch.float32
    np.testing.assert_allclose(probe.norm(dim=-1).numpy(), 1, atol=1e-6)
    np.testing.assert_allclose(probe[0, 0, :3].numpy(), PROBE_START, rtol=1e-6)
    assert sha256_of(probe.numpy().tobytes()) == PROBE_SHA256


def test_the_probe_tells_windows_and_positions_apart() -> None:
    rows = probe_input(SPEC, PROBE_SEED).reshape(-1, SPEC.dim)

    assert (rows @ rows.T - torch.eye(len(rows))).abs().max() < 0.99


def test_the_probe_does_not_change_the_networks_mode() -> None:
    model = network().train()

    output = probe_output(model, SPEC, PROBE_SEED)

    assert model.training
    assert not output.requires_grad
    assert output.shape == (8, SPEC.dim)
    torch.testing.assert_close(
        output, predict(model.eval(), probe_input(SPEC, PROBE_SEED)).detach()
    )


def test_dropout_does_not_reach_the_probe(tmp_path: Path) -> None:
    spec = replace(SPEC, architecture="amn/recency/1", dropout=0.5)

    assert (
        load_checkpoint(save(tmp_path / "m.safetensors", network(spec).train(), spec)).spec == spec
    )
