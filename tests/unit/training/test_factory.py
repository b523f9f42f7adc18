"""A network of one's own, by a function that the case names, is trained and proven as ours are."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from amn.errors import ArgumentError, CheckpointError
from amn.gate.modes import GateOptions, plan_of, run_gate
from amn.training.cache import RunCache
from amn.training.checkpoint import load_checkpoint
from amn.training.networks.build import ADMITTED
from amn.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from amn.case.load import Case

LINEAR = """
import torch

class Weighted(torch.nn.Module):
    def __init__(self, context, rank):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.zeros(context, rank))

    def forward(self, x):  # (B, T, D) -> (B, D)
        return (x * self.weights.mean(dim=1).softmax(dim=0)[:, None]).sum(dim=1)

def build(*, dim, context, rank=1):
    return Weighted(context, rank)
"""


@pytest.fixture(autouse=True)
def _nothing_stays_admitted() -> Iterator[None]:
    yield
    ADMITTED.clear()
    for name in [n for n in sys.modules if n.startswith("of_mine")]:
        del sys.modules[name]


@pytest.fixture
def own(make_case: Callable[..., Case], tmp_path: Path) -> Callable[..., Case]:
    """Make a case whose model is a factory in a module beside it."""

    def own(source: str = LINEAR, folder: str = "own", **model: Any) -> Case:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / "of_mine.py").write_text(source, "utf-8")
        values = {"factory": "of_mine:build", **model}
        case = make_case(place)
        config = case.config.model_dump(by_alias=True, exclude_unset=True)
        config |= {"model": values, "training": {"epochs": 3, "lr": 0.003, "batch_size": 128}}
        return type(case)(place, type(case.config).model_validate(config))

    return own


def test_it_is_trained_checked_and_kept_as_a_network_of_ours(
    own: Callable[..., Case], tmp_path: Path
) -> None:
    case = own(options={"rank": 2})

    result = run_gate(case, GateOptions(cache=tmp_path / "cache", first_run=True))

    failed = {o.label for o in result.outcomes if o.has_failed or o.status is Status.ERROR}
    assert failed <= {"C004-lift_in_dist", "C005-lift_ood"}  # a weighted mean learns little here
    [first, *_] = result.candidates
    assert first.record is not None
    checks = {outcome.check: outcome.status for outcome in result.outcomes}
    assert checks["M001"] is checks["M003"] is checks["M006"] is Status.PASS


def test_another_source_is_another_run(own: Callable[..., Case]) -> None:
    one = plan_of(own()).key(0)
    same = plan_of(own()).key(0)
    for name in [n for n in sys.modules if n.startswith("of_mine")]:
        del sys.modules[name]
    other = plan_of(own(LINEAR + "\n# another\n")).key(0)

    assert one == same != other


def test_modules_of_one_name_beside_two_cases_are_two(own: Callable[..., Case]) -> None:
    first = plan_of(own(folder="a"))
    second = plan_of(own(LINEAR.replace("zeros", "ones"), folder="b"))

    assert first.code != second.code


def test_a_checkpoint_alone_runs_no_code(own: Callable[..., Case], tmp_path: Path) -> None:
    run = RunCache(tmp_path / "cache").run(plan_of(own()), 0)
    ADMITTED.clear()

    with pytest.raises(CheckpointError, match="a file runs no code by its own word"):
        load_checkpoint(run.folder / "model.safetensors")
    admitted = plan_of(own())
    assert load_checkpoint(run.folder / "model.safetensors").spec == admitted.spec
    assert "options" not in json.loads((run.folder / "run.json").read_text())["record"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "expected a function build in of_mine, got AttributeError"),
        ("raise RuntimeError('no')", "got RuntimeError: no. Fix: mend of_mine"),
        ("import einopz", "No module named 'einopz'. Fix: mend of_mine"),
        ("build = 3", "expected a function, got int"),
        ("def build(**_): return 3", "expected a torch module, got AttributeError"),
        (LINEAR.replace("sum(dim=1)", "sum(dim=2)"), "expected (2, 24) for contexts (2, 3, 24)"),
        (LINEAR.replace("rank=1", "width"), "expected a torch module, got TypeError"),
    ],
)
def test_what_is_no_network_is_refused_in_one_line(
    own: Callable[..., Case], tmp_path: Path, source: str, message: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        RunCache(tmp_path / "cache").run(plan_of(own(source)), 0)

    assert message in str(caught.value)


def test_a_module_that_is_nowhere_is_named_with_where_to_put_it(own: Callable[..., Case]) -> None:
    with pytest.raises(ArgumentError, match=r"Fix: put of_mine_too\.py beside case\.toml"):
        plan_of(own(factory="of_mine_too:build"))


def test_what_breaks_while_it_trains_is_an_error_of_the_check_and_no_traceback(
    own: Callable[..., Case], tmp_path: Path
) -> None:
    broken = LINEAR.replace("return (x *", "assert len(x) < 3, 'only two'\n        return (x *")

    result = run_gate(own(broken), GateOptions(cache=tmp_path / "cache", first_run=True))

    outcome = next(one for one in result.outcomes if one.check == "R005")
    assert outcome.status is Status.ERROR
    assert "expected to train, got AssertionError: only two" in outcome.findings[0].message


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"factory": "a:b", "kind": "gru"}, "kind: expected none beside factory"),
        ({"factory": "a:b", "hidden_dim": 3}, "hidden_dim: expected none beside factory"),
        ({"options": {"a": 1}}, "options: expected a factory beside them"),
        ({"factory": "no colon"}, "String should match pattern"),
    ],
)
def test_a_factory_stands_alone(
    make_case: Callable[..., Case], tmp_path: Path, model: dict[str, Any], message: str
) -> None:
    config = make_case(tmp_path).config
    values = config.model_dump(by_alias=True, exclude_unset=True) | {"model": model}

    with pytest.raises(ValidationError, match=message):
        type(config).model_validate(values)


def test_a_case_without_one_has_the_digest_that_it_had(toy_case: Case) -> None:
    assert "factory" not in toy_case.config.resolved()["model"]
