"""Makers of evidence: a function a part, whose parameters name the parts that it is made from.

A check that names one of these as a parameter reads it. Sets of makers stand at the end of
each module; `modes` puts them together for a gate.
"""

from __future__ import annotations

from amn.gate.evidence import named
from amn.gate.makers.at_rest import CONFIGURED, DATA, INDEX, SPLIT, row_digests, shared_texts
from amn.gate.makers.held_to import (
    DATA_OF_GOLDEN,
    GOLDEN,
    OF_COSINE,
    SCORES,
    SPEED,
    aim,
    brought,
    classes,
    declared,
    guarded,
    listed_waivers,
    looked,
    looks,
    machine_numerics,
    numerics,
    unwaivable,
    waivers,
)
from amn.gate.makers.of_candidates import (
    IN_PART,
    MODEL,
    OF_METRIC,
    asked,
    hold,
    made_by,
    plan,
    runs_of,
    trained,
)
from amn.gate.makers.of_courses import COURSE, abort, histories, read_columns
from amn.gate.makers.of_predictions import joined

EVERY = (
    DATA
    | INDEX
    | CONFIGURED
    | SPLIT
    | SCORES
    | OF_COSINE
    | OF_METRIC
    | MODEL
    | IN_PART
    | SPEED
    | GOLDEN
    | DATA_OF_GOLDEN
    | COURSE
    | named(
        joined,
        guarded,
        looked,
        row_digests,
        shared_texts,
        plan,
        asked,
        histories,
        read_columns,
        abort,
        brought,
        made_by,
        numerics,
        machine_numerics,
        classes,
    )
    | named(listed_waivers, waivers, unwaivable, declared, runs_of, hold, aim)
    | {"candidates": trained, "looks": looks}
)  # fmt: skip - whatever a gate may have
GIVEN = {  # parts that no maker makes: the case, and what was asked for
    "approval": "Who lets loosenings of this change through, and why; empty where nobody does.",
    "cache": "Folder of runs by content.",
    "case": "The case: its folder and its settings.",
    "encoding": "How to encode texts again, where the encoder is on this machine.",
    "engine": "Where seeds are trained; None: on this machine.",
    "gate_other": "Gates another case: its result, None where it is not trained; and the command.",
    "encoder_note": "Why canaries were not encoded again; only where they were not.",
    "home": "Folder of the case that is asked about, where its copy is judged in its place.",
    "prediction_files": "Files of predictions that were brought along, one a seed.",
    "progress": "Called with (done, in all, text) by whatever takes long; None where nobody looks.",
    "recorded": "The PASS that stands: inputs of the verdict then and now; only where it does.",
    "review": "The change beside its merge base, where there is one.",
    "today": "The day that waivers expire by; None where it is not known.",
}
