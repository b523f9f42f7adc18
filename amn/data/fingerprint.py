"""An encoder's fingerprint: its vectors of fixed texts, which another machine can compare.

A digest of floats says `equal` or nothing: another processor rounds otherwise. So the vectors
themselves are kept, and two fingerprints agree when no probe has moved by more than rounding.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.vectors import cosine_rows
from amn.errors import ArgumentError
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Never change one: fingerprints that are stored would no longer compare.
PROBE_TEXTS = (
    "The harbour lies at the mouth of the river.",
    "In 1874 she opened a school for 120 children; by 1891 it had 3 teachers and a library.",
    (
        "Water boils at 100 \N{DEGREE SIGN}C at sea level, and at about 71 \N{DEGREE SIGN}C on the"
        " highest mountain, because the air presses less on its surface there."
    ),
    "Nevertheless!",
)
# In 1 - cosine. Another machine in float32: about 1e-7; bfloat16 against float32: up to about 1e-4;
# another model, revision or prefix: above 1e-2.
TOLERANCE = 1e-3
NUMBER = np.dtype("<f4")


@dataclass(frozen=True)
class Fingerprint:
    """What an encoder makes of `PROBE_TEXTS`.

    Attributes:
        vectors: (len(PROBE_TEXTS), D) float32 unit rows.
    """

    vectors: NDArray[np.float32]

    @property
    def digest(self) -> str:
        """The sha256 of shape and numbers: equal on one machine, seldom on two."""
        data = np.ascontiguousarray(self.vectors, NUMBER).tobytes()
        return sha256_of(canonical_json(list(self.vectors.shape)) + data)

    def to_text(self) -> str:
        """Return the numbers as base64 of little-endian float32, row after row."""
        return base64.b64encode(np.ascontiguousarray(self.vectors, NUMBER).tobytes()).decode()

    @classmethod
    def from_text(cls, text: str) -> Fingerprint:
        """Return the fingerprint that `to_text` wrote.

        Raises:
            ArgumentError: If it is not base64 of `PROBE_TEXTS` rows of numbers.
        """
        try:
            values: NDArray[Any] = np.frombuffer(base64.b64decode(text, validate=True), NUMBER)
            return cls(values.astype(np.float32).reshape(len(PROBE_TEXTS), -1))
        except (binascii.Error, ValueError) as error:
            raise ArgumentError(
                f"probe: expected base64 of {len(PROBE_TEXTS)} rows of float32, got"
                f" {len(text):,} characters ({error})"
            ) from error


def compare_fingerprints(ours: Fingerprint, theirs: Fingerprint) -> float:
    """Return how far apart two encoders are: the largest 1 - cosine of a probe.

    Returns:
        0 for one encoder, below `TOLERANCE` for one encoder on two machines, infinity when the
        vectors have different lengths or a number is not finite.
    """
    if ours.vectors.shape != theirs.vectors.shape:
        return float("inf")
    cosines = cosine_rows(ours.vectors, theirs.vectors)
    return float((1 - cosines).max()) if np.isfinite(cosines).all() else float("inf")
