"""Shards of a gate: which cases each of them has, and their results put together again.

Nothing is believed that one shard says of another: each names all cases and how many shards there
are, and what is missing, double or of another gate is said.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from amn.errors import ArgumentError
from amn.report.verdict import alarms_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Item = TypeVar("Item")
TEXT = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several gates that have the cases among them.

    Attributes:
        number: 1 … `of`.
        of: How many there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that `2/3` names.

        Raises:
            ArgumentError: If it is none.
        """
        found = TEXT.fullmatch(text)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            message = f"--shard: expected K/N with K of 1 to N, got {text!r}"
            raise ArgumentError(f"{message}. Fix: --shard 1/2")
        return cls(number, of)

    def take(self, items: Sequence[Item]) -> list[Item]:
        """Return every `of`-th item from the `number`-th on: all shards have all, each once."""
        return list(items[self.number - 1 :: self.of])

    def to_json(self, cases: Sequence[str]) -> dict[str, Any]:
        """Return what a result says of it.

        Args:
            cases: Names of the cases of all shards.
        """
        return {"number": self.number, "of": self.of, "cases": list(cases)}


def problems(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield why documents are not the shards of one gate, one line each.

    Args:
        documents: JSON of each gate, sound by itself, by the name of its file.
    """
    known: dict[str, dict[str, Any]] = {}
    for name, document in documents.items():
        found = document.get("shard")
        if _is_shard(found):
            known[name] = found
        else:
            yield f"{name}: expected the result of amn gate --shard K/N, got one of a whole gate"
    if len(known) == len(documents):
        yield from _not_whole(known)
        yield from _of_others(known, documents)


def _not_whole(known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what shards say differently of the whole, and which are lost or double."""
    first_name, first = next(iter(known.items()))
    for name, found in known.items():
        if (found["of"], found["cases"]) != (first["of"], first["cases"]):
            wanted = f"{first['of']} shards of {len(first['cases'])} cases, as {first_name}"
            got = f"{found['of']} of {len(found['cases'])}"
            yield f"{name}: expected {wanted}, got {got}, or of other cases"
    numbers = Counter(found["number"] for found in known.values())
    for number in range(1, first["of"] + 1):
        if numbers[number] != 1:
            yield f"shard {number}/{first['of']}: expected one result, found {numbers[number]}"


def _of_others(
    known: Mapping[str, Mapping[str, Any]], documents: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield which shards have results of other cases, or of another merge base."""
    for name, found in known.items():
        mine = Shard(found["number"], found["of"]).take(found["cases"])
        got = [result["case"] for result in documents[name]["results"]]
        if got != mine:
            wanted = ", ".join(mine)
            yield f"{name}: expected the results of {wanted}, got {', '.join(got) or 'none'}"
    told = {name: bases for name in known if (bases := _bases(documents[name]))}
    if len({*map(tuple, told.values())}) > 1:
        listed = "; ".join(f"{name} {', '.join(bases)}" for name, bases in told.items())
        yield f"merge base: expected one of all shards, got {listed}"


def merged(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the shards of one gate as its document, cases in their order."""
    first = next(iter(documents.values()))
    results = {r["case"]: r for document in documents.values() for r in document["results"]}
    ordered = [results[name] for name in first["shard"]["cases"]]
    alarms = alarms_over([(result["case"], *_comparisons(result)) for result in ordered])
    found = asdict(alarms) if alarms else None
    return {"schema": first["schema"], "results": ordered, "alarms": found}


def _is_shard(found: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether it has the parts of `Shard.to_json`, each of its type."""
    if not isinstance(found, dict) or found.keys() != {"number", "of", "cases"}:
        return False
    number, of, cases = found["number"], found["of"], found["cases"]
    is_counted = all(isinstance(n, int) and not isinstance(n, bool) for n in (number, of))
    is_listed = isinstance(cases, list) and all(isinstance(name, str) for name in cases)
    return is_counted and is_listed and 1 <= number <= of <= len(cases) == len({*cases})


def _comparisons(result: Mapping[str, Any]) -> tuple[dict[str, float | None], float]:
    """Return p by check and alpha of a result; nothing where they are not numbers."""
    found = (result.get("facts") or {}).get("comparisons")
    if not isinstance(found, dict) or not isinstance(found.get("p"), dict):
        return {}, 1.0
    p, alpha = found["p"], found.get("alpha")
    are_numbers = all(one is None or isinstance(one, (int, float)) for one in p.values())
    return (p, alpha) if isinstance(alpha, float) and are_numbers else ({}, 1.0)


def _bases(document: Mapping[str, Any]) -> list[str]:
    """Return the merge bases that the results of a document were compared with."""
    reviews = [result.get("review") or {} for result in document["results"]]
    return sorted({str(review["base"])[:12] for review in reviews if review.get("base")})
