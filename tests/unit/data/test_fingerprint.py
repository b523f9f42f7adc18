from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.data.fingerprint import PROBE_TEXTS, TOLERANCE, Fingerprint, compare_fingerprints
from amn.errors import ArgumentError
from amn.storage import sha256_of
from tests.strategies import unit_rows


def probes(seed: int = 0, dim: int = 8) -> Fingerprint:
    return Fingerprint(unit_rows(len(PROBE_TEXTS), dim=dim, seed=seed, dtype=np.float32))


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_text_brings_back_every_bit(seed: int, dim: int) -> None:
    ours = probes(seed, dim)

    theirs = Fingerprint.from_text(ours.to_text())

    assert theirs.vectors.tobytes() == ours.vectors.tobytes()
    assert theirs.digest == ours.digest


def test_rounding_of_another_machine_changes_the_digest_and_not_the_answer() -> None:
    ours = probes()
    theirs = Fingerprint(ours.vectors * np.float32(1 + 1e-6))

    assert theirs.digest != ours.digest
    assert compare_fingerprints(ours, theirs) < TOLERANCE


def test_one_probe_that_moved_is_seen() -> None:
    moved = probes().vectors.copy()
    moved[2] = np.roll(moved[2], 1)

    expected = 1 - float(moved[2] @ probes().vectors[2])
    assert compare_fingerprints(probes(), Fingerprint(moved)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "other", [probes(dim=16), Fingerprint(probes().vectors * np.float32(np.nan))]
)
def test_what_cannot_be_compared_is_infinitely_far(other: Fingerprint) -> None:
    assert compare_fingerprints(probes(), other) == float("inf")


@pytest.mark.parametrize("text", ["not base64!", "AAAA", probes().to_text()[:-8]])
def test_a_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^probe: expected base64 of 4 rows"):
        Fingerprint.from_text(text)


def test_the_probe_texts_have_not_changed() -> None:
    digest = sha256_of("|".join(PROBE_TEXTS).encode())

    assert digest.startswith("e46361e6cb4b0d92"), "stored fingerprints no longer compare"
