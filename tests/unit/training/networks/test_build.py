from __future__ import annotations

import dataclasses
import tomllib
from typing import Any

import pytest
import torch

from amn.case.config import CaseConfig
from amn.errors import ArgumentError
from amn.training.networks.amn import OriginalAMN, RecencyAMN
from amn.training.networks.build import ModelSpec, build_model, spec_for
from amn.training.networks.gru import GRUPredictor
from amn.training.networks.lstm import LSTMPredictor
from amn.training.networks.transformer import TransformerPredictor

SPEC = ModelSpec(architecture="amn/recency/1", dim=8, context=3, attention_dim=4, hidden_dim=8)
BASE = tomllib.loads(
    "schema = 1\n[dataset]\npath = 'd'\n[split]\nin_dist.articles = [1]\nood.articles = [2]"
)


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [
        ("amn/original/1", OriginalAMN),
        ("amn/recency/1", RecencyAMN),
        ("gru/1", GRUPredictor),
        ("lstm/1", LSTMPredictor),
        ("transformer/1", TransformerPredictor),
    ],
)
def test_an_architecture_names_a_class(architecture: str, kind: type) -> None:
    model = build_model(dataclasses.replace(SPEC, architecture=architecture))

    assert type(model) is kind


@pytest.mark.parametrize("name", ["amn/recency/2", "recency", "", "torch.nn.Linear"])
def test_an_unknown_architecture_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^architecture: expected .*, got '{name}'$"):
        build_model(dataclasses.replace(SPEC, architecture=name))


def test_a_description_takes_no_unknown_key() -> None:
    with pytest.raises(TypeError, match="n_heads"):
        ModelSpec(**{**SPEC.to_json(), "n_heads": 8})


def test_a_description_survives_a_round_trip() -> None:
    assert ModelSpec(**SPEC.to_json()) == SPEC


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({}, ("amn/recency/1", 32, 256, 0.4)),
        ({"recipe": "original"}, ("amn/original/1", 256, 512, 0.0)),
        ({"recipe": "original", "dropout": 0.1}, ("amn/original/1", 256, 512, 0.1)),
    ],
)
def test_a_case_describes_its_network(model: dict[str, Any], expected: tuple[Any, ...]) -> None:
    config = CaseConfig.model_validate({**BASE, "model": model, "windows": {"context": 7}})

    spec = spec_for(config, dim=12)

    assert (spec.architecture, spec.attention_dim, spec.hidden_dim, spec.dropout) == expected
    assert (spec.dim, spec.context) == (12, 7)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("gru", (512, 4, 1)), ("lstm", (512, 2, 1)), ("transformer", (512, 4, 8))],
)
def test_a_sibling_has_the_published_sizes(kind: str, expected: tuple[int, ...]) -> None:
    spec = spec_for(CaseConfig.model_validate({**BASE, "model": {"kind": kind}}), dim=12)

    assert (spec.architecture, spec.hidden_dim, spec.layers, spec.heads) == (f"{kind}/1", *expected)


def test_fresh_weights_come_from_torchs_random_state() -> None:
    def weights(seed: int) -> torch.Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_model(SPEC).state_dict()["attention.keys.weight"]

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
