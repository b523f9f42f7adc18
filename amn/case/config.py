"""What case.toml may say: frozen sections, with the recipes and profiles that fill them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from amn.case.limits import (
    GUARDS,
    RECALL,
    CriteriaConfig,
    DataConfig,
    GoldenConfig,
    IndexConfig,
    SpeedConfig,
)
from amn.case.place import Place, Sha256, scheme_of
from amn.case.section import Column, Positive, Section, Seed
from amn.case.training import BLEND_LR, CLOSED_FORM, MIXED, OWN, RECIPES, STACKED, TrainingConfig
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CONTEXT = 64  # rows
MOST_TITLE = 200  # characters: it is printed on one line of every report
SPLITS = ("train", "in_dist", "ood")
EVALUATED: Final = ("in_dist", "ood")
Figure = Literal["val_cosine", "train_cosine", "val_loss", "train_loss", "terms", "lr"]
OF_COMMAND = frozenset({"inputs", "minutes", "files", "history"})
NO_SIZES = ("kind", "recipe", "stack", "factory", "options", "command", *OF_COMMAND)


class DataSetConfig(Section):
    """Which data set.

    Attributes:
        path: Its folder; or where a store keeps it: `s3://`, `gs://`, `hf://`, `https://`. From
            there it is read into a cache by content, once, and checked against `sha256`.
        sha256: Of its dataset.json, which has those of its files. A store asks for it.
        index: Whether its FAISS index is judged; the default: when it has one. That of a store is
            judged when it has `index_sha256`.
        index_sha256: Of its index.json, which no dataset.json has; for a store.
    """

    path: Place
    sha256: Sha256 | None = None
    index: bool | None = None
    index_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _pins_what_is_fetched(self) -> DataSetConfig:
        if self.index_sha256 and (self.index is False or not scheme_of(self.path)):
            got = "index = false" if self.index is False else f"path = {self.path!r}"
            raise ValueError(f"index_sha256: expected a store's index to judge, got {got}")
        return self


class Selector(Section):
    """How the articles of one split are chosen: exactly one of four ways.

    Attributes:
        fraction: Share of the articles that no other selector names, drawn with `seed`.
        seed: Of that draw: the same seed, the same articles.
        articles: Ids: a list, or ranges of whole numbers such as `"1-400, 512, 11001-15192"`.
        file: A JSON file, relative to the case, with a list of ids under the split's name.
        dataset: Another data set, relative to the case or in a store: all its articles.
        sha256: Of that data set's dataset.json. A store asks for it.
    """

    fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    seed: Seed = 0
    articles: str | list[int] | list[str] | None = None
    file: str | None = None
    dataset: Place | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Selector:
        ways = [
            n for n in ("fraction", "articles", "file", "dataset") if getattr(self, n) is not None
        ]
        if len(ways) != 1:
            got = " and ".join(ways) or "none"
            raise ValueError(f"expected one of fraction, articles, file, dataset; got {got}")
        if self.sha256 and self.dataset is None:
            raise ValueError("sha256: expected a dataset beside it, got none. Fix: remove it")
        return self


class SplitConfig(Section):
    """How articles are assigned. Without `train`, it is every article in neither other split."""

    train: Selector | None = None
    in_dist: Selector
    ood: Selector


class WindowsConfig(Section):
    """What is read, and what is predicted.

    Attributes:
        context: Rows that are read; the row after them is predicted.
    """

    context: int = Field(default=5, ge=1, le=MOST_CONTEXT)


class ModelConfig(Section):
    """Which predictor.

    Attributes:
        kind: The network: an Attention Mixture Network, or one of its siblings; or a reference
            predictor, which has no epochs and no seeds: `ridge`, `weighted_mean`, `mean`, `last`.
        recipe: The network and its way of training: `recency` (default) or `original` for `amn`,
            `regularised` (default) or `original` for its siblings, `closed_form` for the others.
        stack: Whether a network, once it is trained, is mixed with ridge and weighted mean in
            shares that validation articles choose: never worse there than the best of the three.
        attention_dim: Width of keys and query (amn).
        hidden_dim: Width of the network; the second layer of amn's residual network has half of it.
        layers: Recurrent or decoder layers (gru, lstm, transformer).
        heads: Attention heads (transformer).
        dropout: Share of numbers that training leaves out.
        factory: A network of one's own, `package.module:function`: called with `dim`, `context` and
            `options`, it returns a torch module from (B, T, D) to (B, D). Looked for beside the
            case, where the command runs, and among installed packages.
        options: What the factory is called with besides.
        command: A trainer of one's own, run once a seed: see docs/own-models.md.
        inputs: Files that its result depends on, or globs, relative to the case: they are all that
            it finds, and with data, windows and seed its cache key. Without any nothing is cached.
        minutes: After so many a seed is ended, with all processes that it has started.
        files: Kind of the files that it gets.
        history: Figures that it promises to write down, epoch by epoch.

    Sizes are those of the recipe where the file is silent (see `amn.case.training`); None where the
    kind has no such size.
    """

    kind: Literal["amn", "gru", "lstm", "transformer", "ridge", "weighted_mean", "mean", "last"] = (
        "amn"
    )
    recipe: Literal["recency", "original", "regularised", "closed_form"] = "recency"
    stack: bool = False
    attention_dim: int | None = Field(default=None, ge=1)
    hidden_dim: int | None = Field(default=None, ge=2)
    layers: int | None = Field(default=None, ge=1)
    heads: int | None = Field(default=None, ge=1)
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    factory: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    command: list[Annotated[str, Field(min_length=1)]] | None = Field(default=None, min_length=1)
    inputs: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    minutes: Positive = 60.0
    files: Literal["parquet", "csv"] = "parquet"
    history: list[Figure] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> ModelConfig:
        said = {name for name in self.model_fields_set if getattr(self, name) not in (None, [])}
        if self.command:
            if foreign := sorted(said - {"command", *OF_COMMAND}):
                names = ", ".join(foreign)
                raise ValueError(f"{names}: expected none beside command. Fix: put it in an input")
            return self
        if foreign := sorted(said & OF_COMMAND):
            raise ValueError(f"{', '.join(foreign)}: expected a command beside them, got none")
        if self.factory:
            if foreign := sorted(said - {"factory", "options", "stack"}):
                names = ", ".join(foreign)
                raise ValueError(f"{names}: expected none beside factory. Fix: put it in options")
            return self
        if self.options:
            raise ValueError("options: expected a factory beside them, got none")
        recipes = RECIPES[self.kind]
        if self.recipe not in recipes:
            names = " or ".join(recipes)
            raise ValueError(f"recipe: expected {names} for {self.kind}, got {self.recipe!r}")
        own = recipes[self.recipe]["model"]
        foreign = [f"{k} = {v}" for k, v in self.sizes().items() if k not in own]
        if foreign:
            raise ValueError(
                f"{', '.join(foreign)}: no size of {self.kind}, which has {', '.join(own)}"
            )
        if self.heads and (self.hidden_dim or 0) % self.heads:
            raise ValueError(
                f"heads: expected a divisor of hidden_dim {self.hidden_dim}, got {self.heads}"
            )
        return self

    @model_validator(mode="after")
    def _has_something_to_mix(self) -> ModelConfig:
        if self.stack and self.is_closed_form:
            got = f"kind {self.kind!r}"
            raise ValueError(f"stack: expected a network to mix, got {got}. Fix: remove it")
        return self

    @property
    def architecture(self) -> str:
        """Name of the network's forward; checkpoints carry it."""
        if self.command:
            return "command"
        if self.factory:
            name = f"factory {self.factory}"
        else:
            name = f"amn/{self.recipe}/1" if self.kind == "amn" else f"{self.kind}/1"
        return name + STACKED * self.stack

    @property
    def is_closed_form(self) -> bool:
        """Whether its weights have a closed form: no epochs, and no seed moves them."""
        return not self.command and not self.factory and self.kind in CLOSED_FORM

    @property
    def reference(self) -> str:
        """The reference predictor that it is itself, and is not compared with; empty for others.

        `mean` and `last` are compared with themselves, too: a weighted mean is better than either.
        """
        return self.kind if self.is_closed_form and self.kind in ("ridge", "weighted_mean") else ""

    def without_meaning(self) -> set[str]:
        """Return the fields that mean nothing for such a model."""
        if self.command:
            return {*ModelConfig.model_fields} - {"command", *OF_COMMAND}
        other = {"kind", "recipe"} if self.factory else {"factory", "options"}
        return {*other, "command", *OF_COMMAND, *(() if self.stack else ("stack",))}

    def sizes(self) -> dict[str, Any]:
        """Return the sizes that are set, by name."""
        return self.model_dump(exclude={*NO_SIZES}, exclude_none=True)


class CaseConfig(Section):
    """The whole of case.toml.

    Attributes:
        schema_: Of this file; another one is of another version of amn.
        title: One line for reports.
        blocked_by: A case in the same folder; a gate trains this one only once that one passes.
        columns: Column of a record as it is written -> the figure of the training that it is, or
            `ignore`: of what `model.command` writes down, and with `amn check run --columns`.
    """

    schema_: Literal[1] = Field(alias="schema")
    title: str = Field(default="", max_length=MOST_TITLE)
    blocked_by: str | None = Field(default=None, min_length=1)
    dataset: DataSetConfig
    split: SplitConfig
    windows: WindowsConfig = WindowsConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    criteria: CriteriaConfig = CriteriaConfig()
    golden: GoldenConfig = GoldenConfig()
    index: IndexConfig = IndexConfig()
    data: DataConfig = DataConfig()
    speed: SpeedConfig | None = None
    columns: dict[str, Column] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _fill_recipe(cls, values: Any) -> Any:  # noqa: ANN401 - raw TOML
        """Write the recipe's values where the file is silent: a config is always fully resolved."""
        if not isinstance(values, dict):
            return values
        model, training = values.get("model", {}), values.get("training", {})
        if not isinstance(model, dict) or not isinstance(training, dict):
            return values
        if model.get("command"):
            return values
        mixed = MIXED if model.get("stack") is True else {}
        if model.get("factory"):
            return {**values, "training": _merged({**OWN, **mixed}, training)}
        recipes = RECIPES.get(str(model.get("kind", "amn")), {})
        name = str(model.get("recipe", next(iter(recipes), "")))
        recipe = recipes.get(name)
        if recipe is None:
            return values
        way = {**recipe["training"], **mixed}
        if training.get("losses"):
            del way["loss"]
        if training.get("init_from"):
            way["lr"] = BLEND_LR
        return {
            **values,
            "model": {**recipe["model"], "recipe": name, **model},
            "training": _merged(way, training),
        }

    @model_validator(mode="after")
    def _has_seeds_for_every_look(self) -> CaseConfig:
        looks, seeds = self.golden.adaptive_seeds, self.training.seeds
        if looks and looks[-1] != len(seeds):
            raise ValueError(
                f"golden.adaptive_seeds: expected the last look at all {len(seeds)} of "
                f"training.seeds, got {looks[-1]}"
            )
        return self

    @model_validator(mode="after")
    def _has_margins_of_what_is_compared(self) -> CaseConfig:
        compared = [*GUARDS, *dict.fromkeys(guard.metric for guard in self.criteria.guards)]
        compared += [RECALL] if self.index.configuration else []
        if foreign := sorted({*self.golden.margins} - {*compared}):
            expected = f"golden.margins: expected {' or '.join(compared)}"
            raise ValueError(f"{expected}, got {foreign[0]}")
        return self

    @model_validator(mode="after")
    def _says_nothing_that_is_ignored(self) -> CaseConfig:
        if not self.model.command and not self.model.is_closed_form:
            return self
        beside = "model.command" if self.model.command else f'model.kind "{self.model.kind}"'
        mine = TrainingConfig(seeds=self.training.seeds, abort=self.training.abort)
        if mine != self.training:
            names = [n for n in TrainingConfig.model_fields if self._differs(mine, n)]
            got = f"{', '.join(names)} beside {beside}"
            raise ValueError(f"training: expected seeds and abort, got {got}. Fix: remove it")
        if self.model.is_closed_form and len(self.training.seeds) > 1:
            got = f"{len(self.training.seeds)} beside {beside}, which none moves"
            raise ValueError(f"training.seeds: expected one, got {got}. Fix: seeds = [0]")
        if self.golden.adaptive_seeds or self.speed:
            what = "golden.adaptive_seeds" if self.golden.adaptive_seeds else "speed"
            raise ValueError(f"{what}: expected none beside {beside}. Fix: remove it")
        return self

    def _differs(self, other: TrainingConfig, name: str) -> bool:
        return bool(getattr(self.training, name) != getattr(other, name))

    def resolved(self, inputs: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return every value that shapes the result, defaults filled in, as plain JSON data.

        Args:
            inputs: sha256 of each file that the command depends on, in place of the patterns.
        """
        exclude: Any = {
            "title": True,
            "blocked_by": True,
            "speed": True,
            "data": True,
            "golden": {
                "drift",
                "futility",
                "article_looks",
                *(() if self.golden.margins else ("margins",)),
            },
            "criteria": {
                "scope",
                *(() if self.criteria.limit else ("limit",)),
                *(() if self.criteria.guard else ("guard",)),
                *(("metric",) if self.criteria.by_cosine else ()),
            },
            "index": {*(() if self.index.configuration else ("configuration",))},
            "model": self.model.without_meaning(),
            **({} if self.columns else {"columns": True}),
            "dataset": {n for n in ("sha256", "index_sha256") if getattr(self.dataset, n) is None},
            "split": {
                name: {"sha256"}
                for name in SPLITS
                if (selector := getattr(self.split, name)) and selector.sha256 is None
            },
        }
        found = self.model_dump(mode="json", by_alias=True, exclude=exclude)
        if inputs:
            found["model"]["inputs"] = dict(inputs)
        return found

    @classmethod
    def completed(cls, resolved: dict[str, Any]) -> dict[str, Any]:
        """Return what an earlier version resolved, with the settings that are newer than it.

        Raises:
            ValidationError: If a setting is gone.
        """
        model = dict(resolved.get("model", {}))
        inputs = model.get("inputs")
        if not isinstance(inputs, dict):
            return cls.model_validate(resolved).resolved()
        values = {**resolved, "model": {**model, "inputs": [*inputs]}}
        return cls.model_validate(values).resolved(inputs)

    def digest(self) -> str:
        """Return the sha256 of the resolved config: equal digests mean equal settings."""
        return sha256_of(canonical_json(self.resolved()))


def _merged(recipe: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe's values under those of the file, tables within tables as well."""
    merged = {**recipe, **own}
    for key, value in recipe.items():
        if isinstance(value, dict) and isinstance(merged[key], dict):
            merged[key] = {**value, **merged[key]}
    return merged
