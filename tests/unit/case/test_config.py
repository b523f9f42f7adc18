from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amn.case.config import CaseConfig
from amn.case.load import load_case
from amn.case.training import CLOSED_FORM, RECIPES, batch_size_for
from amn.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

KEYS = "Fix: amn case keys lists what each may be"
BASE = """schema = 1
[dataset]
path = "data"
[split]
in_dist = { fraction = 0.12, seed = 3 }
ood = { articles = "11001-15192" }
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "case.toml").write_text(text, encoding="utf-8")
    return folder


def config(**sections: Any) -> CaseConfig:
    return CaseConfig.model_validate({**tomllib.loads(BASE), **sections})


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_case(write(folder, text))
    assert caught.value.path.name == "case.toml"
    return caught.value.problems


def test_a_case_is_found_by_its_folder_or_its_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "wiki", BASE)

    by_folder, by_file = load_case(folder), load_case(folder / "case.toml")

    assert by_folder == by_file
    assert by_folder.name == "wiki"
    assert by_folder.file == folder / "case.toml"
    assert by_folder.dataset_path == folder / "data"


@pytest.mark.parametrize(("kind", "recipe"), [(k, r) for k in RECIPES for r in RECIPES[k]])
def test_a_silent_case_takes_every_value_of_its_recipe(kind: str, recipe: str) -> None:
    resolved = config(model={"kind": kind, "recipe": recipe}).resolved()

    for section, values in RECIPES[kind][recipe].items():
        assert values or kind in CLOSED_FORM
        flat = {key: value for key, value in values.items() if key != "abort"}
        assert {key: resolved[section][key] for key in flat} == flat
        assert resolved[section].get("abort", {}).items() >= values.get("abort", {}).items()


@pytest.mark.parametrize(
    ("kind", "recipe", "architecture"),
    [
        ("amn", "recency", "amn/recency/1"),
        ("gru", "regularised", "gru/1"),
        ("lstm", "regularised", "lstm/1"),
        ("transformer", "regularised", "transformer/1"),
    ],
)
def test_a_kind_has_a_default_recipe_and_an_architecture(
    kind: str, recipe: str, architecture: str
) -> None:
    own = config(model={"kind": kind}).model

    assert (own.recipe, own.architecture) == (recipe, architecture)


def test_losses_of_your_own_replace_the_recipes_loss() -> None:
    own = config(training={"losses": {"mse": 1.0, "infonce": 0.1}}).training

    assert own.loss is None
    assert own.loss_terms().weights() == {"mse": 1.0, "infonce": 0.1}
    assert config().training.loss_terms().weights() == {"cosine": 1.0}
    assert config(training={"loss": "mse"}).training.loss_terms().weights() == {"mse": 1.0}


def test_fine_tuning_has_a_rate_of_its_own() -> None:
    assert config(training={"init_from": "a.safetensors"}).training.lr == 1e-4
    assert config(training={"init_from": "a.safetensors", "lr": 0.1}).training.lr == 0.1


def test_a_rule_of_your_own_keeps_the_recipes_other_rules() -> None:
    own = config(
        model={"kind": "gru", "recipe": "original"}, training={"abort": {"drop": 0.02}}
    ).training.abort

    assert (own.drop, own.first_epoch_share) == (0.02, 0.1)


def test_a_value_of_your_own_replaces_the_recipes() -> None:
    own = config(training={"epochs": 2}, model={"dropout": 0.25})

    assert own.training.epochs == 2
    assert own.model.dropout == 0.25
    assert own.training.batch_size == RECIPES["amn"]["recency"]["training"]["batch_size"]


def test_writing_a_default_down_changes_no_digest() -> None:
    assert config(training={"epochs": 15}).digest() == config().digest()


def test_a_title_changes_no_digest_and_a_setting_does() -> None:
    assert config(title="other").digest() == config().digest()
    assert config(training={"epochs": 16}).digest() != config().digest()


def test_a_resolved_config_reads_back_as_the_same_config() -> None:
    assert CaseConfig.model_validate(config().resolved()) == config()


def test_every_problem_is_listed_at_once_with_its_line(tmp_path: Path) -> None:
    text = BASE + "[training]\nepoch = 3\nlr = -1\n[criterion]\nood = 1\n"

    assert sorted(problems(tmp_path, text)) == [
        "line 10: criterion: unknown key. Fix: did you mean criteria?",
        "line 8: training.epoch: unknown key. Fix: did you mean epochs?",
        f"line 9: training.lr: expected a number greater than 0, got -1. {KEYS}",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nlr = inf", "line 8: training.lr: expected a finite number, got inf"),
        (
            "[criteria]\nlift = nan",
            "line 8: criteria.lift: expected a finite number, got nan",
        ),
        ("[golden]\nmargin = 0", "line 8: golden.margin: expected a number greater than 0, got 0"),
        ("[speed]\nmemory = 0.6", "line 8: speed.memory: expected no such key: peak memory is no"),
        (
            "[windows]\ncontext = 0",
            "line 8: windows.context: expected a number greater than or equal",
        ),
        ("[training]\nseeds = [-1]", "line 8: training.seeds.0: expected a number greater than or"),
        (
            "[training]\nseeds = []",
            "line 8: training.seeds: expected a list to have at least 1",
        ),
        ("[training]\nseeds = [1, 1]", "seeds: expected different seeds, got [1, 1]"),
        ("[model]\nrecipe = ['original']", "line 8: model.recipe: expected 'recency',"),
        ("[model]\nrecipe = 'lstm'", "line 8: model.recipe: expected 'recency',"),
        (
            "[model]\nkind = 'gru'\nrecipe = 'recency'",
            "model: recipe: expected regularised or original for gru, got 'recency'",
        ),
        ("[model]\nkind = 'gpt'", "line 8: model.kind: expected 'amn', 'gru', 'lstm', "),
        ("[model]\nlayers = 3", "model: layers = 3: no size of amn, which has attention_dim, hid"),
        (
            "[model]\nkind = 'lstm'\nheads = 2",
            "model: heads = 2: no size of lstm, which has hidden_dim, layers, dropout",
        ),
        (
            "[model]\nkind = 'transformer'\nheads = 7",
            "model: heads: expected a divisor of hidden_dim 512, got 7",
        ),
        (
            "[training]\nloss = 'mse'\n[training.losses]\nmse = 1",
            "training: losses: expected loss or losses, got both, loss = 'mse'",
        ),
        (
            "[training.losses]\ninfonce = 1",
            "training.losses: expected a weight above 0 for one of mse and cosine, got none",
        ),
        (
            "[training]\nwarmup_epochs = 15\nearly_stopping = 10\nseeds = [1, 1]",
            "[1, 1]; warmup_epochs: expected less than epochs 15, got 15.0; early_stopping: expect",
        ),
        (
            "[training]\ncurriculum = [{from_epoch = 1, coherence = 0.5}]",
            "training.curriculum.0.coherence: unknown key. Fix: did you mean coherent?",
        ),
        (
            "[training]\nprecision = 'auto'",
            "line 8: training.precision: expected 'float32' or 'bfloat16', got 'auto'",
        ),
        ("[training]\nema = 1", "line 8: training.ema: expected a number less than 1, got 1"),
        ("[criteria]\nood = 60", "line 8: criteria.ood: expected a number less than or equal to 1"),
        ("[criteria]\ndelta = [0.1, 0.0]", "delta: expected the lower end first, got [0.1, 0.0]"),
        ("[training.abort]\nfirst_epoch = 'half'", "line 8: training.abort.first_epoch"),
        (
            "[windows]\ncontext = '5'",
            "line 8: windows.context: expected a number, got '5'. Fix: no quotes",
        ),
        ("[training]\nlr = '1e-3'", "training.lr: expected a number, got '1e-3'. Fix: no quotes"),
        ("[training]\nseeds = [0, '1']", "training.seeds: expected a number, got '1'. Fix: no q"),
        ("[model]\nstack = 'true'", "model.stack: expected a number, got 'true'. Fix: no quotes"),
        (
            (
                "[[criteria.limit]]\nid = 'C101'\nmetric = 'l2'\nsplit = 'ood'\nmost = 1.0\n"
                "[[criteria.limit]]\nmetrc = 'l2'\nid = 'C102'"
            ),
            "line 13: criteria.limit.1.metrc: unknown key. Fix: did you mean metric?",
        ),
        (
            "[[criteria.limit]]\nid = 'C101'\nmetric = 'l2'\n[[criteria.guard]]\nid = 'G101'",
            "line 7: criteria.limit.0.split: expected a value, found none. Fix: add",
        ),
        (
            (
                "[[criteria.limit]]\nid = 'C101'\n[[criteria.limit]]\nid = 'C102'\n"
                "[criteria.limit.slice]\nkind = 7"
            ),
            "line 12: criteria.limit.1.slice.kind: expected a valid string, got 7",
        ),
    ],
)
def test_a_bad_value_is_refused_with_what_it_is(tmp_path: Path, text: str, message: str) -> None:
    found = problems(tmp_path, BASE + text)

    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    ("selector", "got"),
    [("{}", "none"), ("{ fraction = 0.1, articles = [1] }", "fraction and articles")],
)
def test_a_selector_has_exactly_one_way(tmp_path: Path, selector: str, got: str) -> None:
    text = BASE.replace('{ articles = "11001-15192" }', selector)

    (found,) = problems(tmp_path, text)
    assert found == (
        f"line 6: split.ood: expected one of fraction, articles, file, dataset; got {got}. {KEYS}"
    )


def test_a_missing_case_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a case file, found none\. Fix: amn case new"):
        load_case(tmp_path / "absent")


def test_a_file_in_place_of_a_folder_is_no_case(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="found none"):
        load_case(tmp_path / "file")


def test_what_is_not_toml_or_not_text_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "schema = ")[0].startswith("expected TOML, got: ")
    (tmp_path / "case.toml").write_bytes(b"schema = 1\n# \xff\n")
    with pytest.raises(ConfigError, match="expected UTF-8 text, got byte 0xff"):
        load_case(tmp_path)


@pytest.mark.parametrize("schema", ["schema = 2", ""])
def test_another_schema_is_refused(tmp_path: Path, schema: str) -> None:
    assert "schema" in problems(tmp_path, BASE.replace("schema = 1", schema))[0]


@given(
    section=st.sampled_from(["split", "windows", "model", "training", "criteria", "golden"]),
    key=st.sampled_from(["recipe", "abort", "seeds", "epochs", "in_dist", "delta", "kind", "x"]),
    value=st.sampled_from(["[]", "{}", "'a'", "-1", "nan", "true", "[[1]]", "{ drop = 'x' }"]),
)
@settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_value_of_any_type_raises_anything_but_a_config_error(
    tmp_path: Path, section: str, key: str, value: str
) -> None:
    head = BASE if section == "split" else f"{BASE}[{section}]\n"

    try:
        loaded = load_case(write(tmp_path, f"{head}{key} = {value}\n"))
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - both ways out are right
    else:
        assert loaded.config.digest()


@pytest.mark.parametrize(
    ("n_windows", "batch"),
    [(0, 16), (2047, 16), (2048, 32), (8191, 64), (8192, 128), (16_383, 128), (16_384, 256)],
)
def test_a_batch_leaves_an_epoch_64_steps_where_the_least_of_16_does(
    n_windows: int, batch: int
) -> None:
    assert batch_size_for(n_windows) == batch
    assert batch_size_for(10**9) == 256
