"""The hypotheses and the decision tree of the earlier analysis, as data, put to a diagnosis."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from amn.diagnosis.ranking import LIKELY, suspects

if TYPE_CHECKING:
    from amn.diagnosis.diagnosis import Diagnosis

Answer = Literal["yes", "no", "unknown"]
Standing = Literal["supported", "refuted", "open"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hypothesis(_Entry):
    """What was believed.

    Attributes:
        remedy: What was planned because of it.
        cause: Id of the cause that it comes down to.
        outcome: What it came to.
    """

    id: str
    says: str
    remedy: str
    cause: str
    outcome: str


class Step(_Entry):
    """One question of the decision tree: about causes, or about a figure.

    Attributes:
        causes: Yes where one of them is likely; with neither causes nor figure the answer is no.
        figure: Yes where it is above `above`, unknown where no experiment gave it.
        stops: The answer that ends the tree.
        advice: What to do then.
    """

    asks: str
    causes: tuple[str, ...] = ()
    figure: str = ""
    above: float = 0.0
    stops: Answer
    advice: str


@dataclass(frozen=True)
class Answered:
    """A question with its answer, and the advice where the tree ends with it."""

    asks: str
    answer: Answer
    advice: str = ""


@cache
def _table() -> dict[str, Any]:
    text = files("amn.diagnosis").joinpath("hypotheses.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def hypotheses() -> tuple[Hypothesis, ...]:
    """Return the hypotheses, in their order."""
    return tuple(Hypothesis.model_validate(item) for item in _table()["hypothesis"])


@cache
def steps() -> tuple[Step, ...]:
    """Return the questions, in their order."""
    return tuple(Step.model_validate(item) for item in _table()["step"])


def stand(diagnosis: Diagnosis) -> dict[str, Standing]:
    """Return how each hypothesis stands: its cause is likely, ruled out by evidence, or open."""
    found = {r.cause.id: r for r in suspects(diagnosis.subject.outcomes, diagnosis.figures)}
    standing: dict[str, Standing] = {}
    for hypothesis in hypotheses():
        ranked = found.get(hypothesis.cause)
        is_likely = ranked is not None and ranked.points >= LIKELY
        is_refuted = ranked is not None and bool(ranked.speaks_against) and ranked.points <= 0
        standing[hypothesis.id] = "supported" if is_likely else "refuted" if is_refuted else "open"
    return standing


def decide(diagnosis: Diagnosis) -> list[Answered]:
    """Walk the decision tree; the last question carries the advice."""
    likely = {ranked.cause.id for ranked in diagnosis.causes if ranked.points >= LIKELY}
    walked: list[Answered] = []
    for step in steps():
        answer: Answer = "no"
        if step.figure:
            value = diagnosis.figures.get(step.figure)
            answer = "unknown" if value is None else "yes" if value > step.above else "no"
        elif likely & set(step.causes):
            answer = "yes"
        if answer == step.stops:
            return [*walked, Answered(step.asks, answer, step.advice)]
        walked.append(Answered(step.asks, answer))
    return walked
