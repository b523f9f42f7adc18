"""What the verdict of a case rests on, as the members of a bundle. No vectors, no weights.

```
verdict.json            what amn gate -o verdict.json writes, without its timings
<case>/golden/<case>/   case.toml, golden, ledger, waivers, split lists: the files as they are
<case>/context.json     mode, day, first_run, resolved config: what else decided
<case>/dataset.json     what the data set says of itself, digests included
<case>/metrics.json     where a metrics file was judged
<case>/candidate-000/   candidate.json (name, digest, record), evaluation.json, cosines.npz
```
"""

from __future__ import annotations

import json
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn import __version__
from amn.data.manifest import MANIFEST_FILE
from amn.errors import ArgumentError
from amn.evaluation.storage import COSINES_FILE, EVALUATION_FILE, save_evaluation
from amn.golden.orphans import KEPT
from amn.places import CASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.case import Case
    from amn.gate.seen import SeenCandidate
    from amn.gate.session import GateSession

VERDICT_FILE = "verdict.json"
PACKAGES = ("numpy", "scipy", "pyarrow", "torch", "faiss-cpu")
CASE_FILES = (CASE_FILE, *KEPT, "splits.json")


def prepare_bundle(path: Path, cases: Sequence[Case]) -> None:
    """Remove the bundle of an earlier gate, after what is asked for was found possible.

    Raises:
        ArgumentError: If it is no file name of a bundle, or two cases have one name.
    """
    if path.suffix != ".zip":
        raise ArgumentError(f"--bundle: expected a name that ends in .zip, got {path}")
    if path.parent.exists() and not path.parent.is_dir():
        raise ArgumentError(f"--bundle: expected a folder at {path.parent}, got a file")
    names = [case.name for case in cases]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ArgumentError(f"--bundle: expected cases of different names, got {repeated[0]} twice")
    path.unlink(missing_ok=True)


def made_with() -> dict[str, Any]:
    """Return the versions that a verdict was made with."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # an extra that is not installed
            continue
    return {"amn": __version__, "versions": versions}


def timeless(verdict: str) -> bytes:
    """Return the JSON of a gate with every timing 0: equal results give equal bundles."""
    document = json.loads(verdict)
    for result in document["results"]:
        for check in result["checks"]:
            check["seconds"] = 0.0
    return _json(document)


def members_of(session: GateSession) -> dict[str, bytes]:
    """Return what a finished gate of one case rests on, by path in the bundle."""
    case, options, seen = session.case, session.options, session.seen
    context: dict[str, Any] = {
        "mode": options.mode,
        "today": str(options.today) if options.today else None,
        "first_run": options.first_run,
        "resolved": case.config.resolved(),
        "candidates": len(seen.candidates),
    }
    members = dict(_case_files(case))
    if options.metrics:
        members[f"{case.name}/metrics.json"] = options.metrics.read_bytes()
    for number, candidate in enumerate(seen.candidates):
        folder = f"{case.name}/candidate-{number:03}"
        members |= {f"{folder}/{name}": data for name, data in _candidate_files(candidate).items()}
    members[f"{case.name}/context.json"] = _json(context)
    return members


def _case_files(case: Case) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a case, and what its data set says of itself."""
    for name in CASE_FILES:
        if (path := case.folder / name).is_file():
            yield f"{case.name}/golden/{case.name}/{name}", path.read_bytes()
    if (manifest := case.dataset_path / MANIFEST_FILE).is_file():
        yield f"{case.name}/dataset.json", manifest.read_bytes()


def _candidate_files(candidate: SeenCandidate) -> dict[str, bytes]:
    """Return a candidate's record and, window by window, its scores."""
    record = candidate.record.to_json() if candidate.record else None
    about = {"name": candidate.name, "digest": candidate.digest, "record": record}
    found = {"candidate.json": _json(about)}
    if candidate.evaluation:
        with tempfile.TemporaryDirectory() as folder:
            save_evaluation(Path(folder), candidate.evaluation)
            for name in (EVALUATION_FILE, COSINES_FILE):
                found[name] = (Path(folder) / name).read_bytes()
    return found


def _json(value: object) -> bytes:
    """Return JSON with sorted keys; a record of a crashed run may hold numbers that are none."""
    return json.dumps(value, indent=1, sort_keys=True, default=str).encode()
