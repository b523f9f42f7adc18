"""Names of columns: which figure of a training each one is, by a table that users extend.

Case, separators and plurals are folded: `Val/Cosine`, `valCosine` and `val_cosines` are one name.
`val_`, `valid_`, `validation_`, `dev_` and `eval_` are validation, `test_` is neither that nor
training, and a name without a split is training, as Keras writes it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from amn.case.load import load_case
from amn.case.section import IGNORE, Column, problems_in
from amn.errors import ConfigError
from amn.storage import parse_toml
from amn.system import CASE_FILE

if TYPE_CHECKING:
    from pathlib import Path

SPLIT_OF = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval"), "val"),
    "test": "test",
}
METRIC_OF = {
    "loss": "loss",
    "total_loss": "loss",
    "loss_total": "loss",
    **dict.fromkeys(("cosine", "cos", "cos_sim", "cosine_sim", "cosine_similarity"), "cosine"),
}
PLAIN = {
    **dict.fromkeys(("epoch", "ep"), "epoch"),
    **dict.fromkeys(("step", "global_step", "iteration", "iter"), "step"),
    **dict.fromkeys(("lr", "learning_rate", "train_lr", "train_learning_rate"), "lr"),
}
# What a loss term is called where the name itself does not say `term`: `mse_loss`.
TERMS = frozenset((
    "mse", "l1", "l2", "mae", "huber", "smooth_l1", "cosine", "cos", "info", "infonce",
    "info_nce", "nce", "contrastive", "triplet", "variance", "var", "covariance", "cov",
    "moment", "mmd", "stat", "cycle", "kl", "ce", "bce", "reg", "aux", "norm",
))  # fmt: skip
PREFIXED_TERM = re.compile(r"(?:train_)?(?:loss|term|loss_term|train_loss)_(?P<term>.+)")
SUFFIXED_TERM = re.compile(r"(?:train_)?(?P<term>.+)_loss")
NO_TERM = frozenset((
    "scale", "scaler", "scaling", "weight", "ema", "smooth", "smoothed", "step", "epoch",
))  # fmt: skip
# Read by no rule, and known to be something else than the score or the loss of a training.
ASIDE = re.compile(
    r"test(_.+)?|.*_(min|max)|best_.+|hp_metric|.*evaluation_.+_vs_iteration|batch_.+|system_.+|wandb_.+|"
    r"(train_|val_)?(mse|mae|rmse|mean_squared_error|mean_absolute_error)|val_loss_.+|val_.+_loss|"
    r"(train_|val_|eval_|test_)?(grad_norm|grad_norm_.+|runtime|run_time|samples?_per_second|"
    r"steps?_per_second|second|time|elapsed|epoch_time)|loss_(scale|scaler|weight)|timestamp|"
    r"wall_time|flo|total_flo|num_.+|weight_decay|momentum|seed|gpu_.+|cpu_.+"
)
# Words of a score or a loss: a column with one of them that nobody understood may be what matters.
TELLING = frozenset((
    "loss", "cos", "cosine", "sim", "similarity", "score", "acc", "accuracy", "error",
    "err", "mse", "mae", "rmse", "nce", "infonce", "contrastive", "reward", "perplexity",
    "ppl", "auc", "f1", "recall", "precision", "metric", "objective", "fitness", "ndcg",
    "map", "mrr", "pearson", "spearman", "r2",
))  # fmt: skip
RUN = re.compile(r"(?P<run>.+) - (?P<name>[^ ].*)")  # a column of W&B's export: `gru-7 - val/loss`
ASIDE_FIELD = "aside"


class Names(BaseModel):
    """What a user says of the names in records; the whole of a TOML file.

    Attributes:
        columns: Column as it is written -> the figure that it is, `terms.NAME`, or `ignore`.
        primary_loss: The term that is meant to be learned, where the record does not say it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, Column] = {}
    primary_loss: str = ""

    def field(self, name: str) -> str | None:
        """Return what a column is: see `field_of`; a user's word counts before the table."""
        for known in (name, strip_run(name)):
            if known in self.columns:
                said = self.columns[known]
                return ASIDE_FIELD if said == IGNORE else said
        return field_of(name)


KNOWN = Names()
FORM = '[columns] "NAME" = "val_cosine"'


def read_names(path: Path) -> Names:
    """Read `[columns]` and `primary_loss` of a TOML file, or `[columns]` of a case.toml.

    Raises:
        ConfigError: If it is missing, no TOML, or says something else.
    """
    if path.name == CASE_FILE:
        return Names(columns=load_case(path).config.columns)
    try:
        return Names.model_validate(parse_toml(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(
            path, [f"expected names of columns, got: {error.strerror}. Fix: {FORM}"]
        ) from error
    except ValidationError as error:
        lines = problems_in(error, whole="file")
        raise ConfigError(path, [f"{line}. Fix: {FORM}" for line in lines]) from error
    except ValueError as error:
        raise ConfigError(path, [f"expected TOML, got {error}. Fix: {FORM}"]) from error


def normalise(name: str) -> str:
    """Return a name in small words with `_` between: `Train/LossMSE` is `train_loss_mse`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def strip_run(name: str) -> str:
    """Return a column of W&B's export without the name of the run before it."""
    match = RUN.fullmatch(name)
    return match["name"] if match else name


PLURALS = {
    word + ending: word
    for ending, words in {
        "s": ["cosine", "epoch", "step", "term", "second", "sample", "iteration", "flo", "score"],
        "es": ["loss"],
    }.items()
    for word in words
}


def _folded(name: str) -> str:
    """Return a name as the tables above write it: words that have a plural there in the singular.

    A bare `epochs` counts them and numbers none.
    """
    plain = normalise(name)
    return plain if plain == "epochs" else "_".join(PLURALS.get(w, w) for w in plain.split("_"))


@lru_cache(maxsize=4096)
def field_of(name: str) -> str | None:
    """Return what a column is: a figure, `terms.mse`, `aside` for what no rule reads, None unknown.

    A name ending in `_step` is the finer log of the one without it; `is_finer` tells them apart.
    """
    plain = _folded(strip_run(name))
    if not plain or plain == "unnamed_0":  # the index that pandas writes
        return ASIDE_FIELD
    words = [word for word in plain.removesuffix("_step").split("_") if word != "epoch"]
    bare = plain if plain in PLAIN else "_".join(words)  # `train_loss_epoch`, Keras' `epoch_loss`
    if figure := PLAIN.get(bare) or _figure(bare):
        return figure
    if ASIDE.fullmatch(bare) or ASIDE.fullmatch(plain):
        return ASIDE_FIELD
    if (match := PREFIXED_TERM.fullmatch(bare)) and match["term"] not in NO_TERM:
        return f"terms.{match['term'].removesuffix('_loss')}"
    if (match := SUFFIXED_TERM.fullmatch(bare)) and match["term"] in TERMS:
        return f"terms.{match['term']}"
    return None


def _figure(name: str) -> str | None:
    """Return `val_cosine` for a split and a metric in either order; test figures are aside."""
    words = name.split("_")
    for split_word, rest in ((words[0], words[1:]), (words[-1], words[:-1]), ("train", words)):
        metric, split = METRIC_OF.get("_".join(rest)), SPLIT_OF.get(split_word)
        if metric and split:
            return ASIDE_FIELD if split == "test" else f"{split}_{metric}"
    return None


def is_finer(name: str) -> bool:
    """Tell whether a name says that it is logged by step beside one by epoch: `loss_step`."""
    plain = normalise(name)
    return plain.endswith("_step") and plain not in PLAIN


def is_telling(name: str) -> bool:
    """Tell whether a name nobody understood looks like that of a score or a loss."""
    return not TELLING.isdisjoint(_folded(strip_run(name)).split("_"))
