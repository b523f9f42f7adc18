"""What the verdict of a case rests on, as the members of a bundle. No weights; vectors if wanted.

```
verdict.json            what amn gate -o verdict.json writes, without its timings
<case>/golden/<case>/   case.toml, golden, ledger, waivers, split lists: the files as they are
<case>/context.json     mode, day, first_run, resolved config: what else decided; where its data is
<case>/dataset.json     what the data set says of itself, digests included
<case>/metrics.json     where a metrics file was judged
<case>/candidate-000/   candidate.json (name, digest, record), evaluation.json, cosines.npz
<case>/data-000/        with the data: its own data set, and from 001 on those that its splits name
```
"""

from __future__ import annotations

import json
import platform
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST
from amn.data.manifest import MANIFEST_FILE, read_manifest
from amn.errors import ArgumentError, DataError
from amn.evaluation.storage import COSINES_FILE, EVALUATION_FILE, save_evaluation
from amn.golden.store import KEPT
from amn.storage import is_inside, read_whole, write_archive
from amn.system import CASE_FILE, __version__, installed
from amn.training.command import declared_inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from amn.case.config import Selector
    from amn.case.load import Case
    from amn.gate.modes import GateOptions
    from amn.gate.result import GateResult, JudgedCandidate
    from amn.storage import Content

VERDICT_FILE = "verdict.json"
PACKAGES = ("numpy", "scipy", "pyarrow", "torch", "faiss-cpu")
CASE_FILES = (CASE_FILE, *KEPT, "splits.json")


def prepare_bundle(path: Path, cases: Sequence[Case], others: Iterable[Path] = ()) -> None:
    """Remove the bundle of an earlier gate, after what is asked for was found possible.

    Args:
        others: Files that the gate writes besides.

    Raises:
        ArgumentError: If it is no file name of a bundle, or two cases have one name.
    """
    if path.suffix != ".zip":
        raise ArgumentError(f"--bundle: expected a name that ends in .zip, got {path}")
    if path.parent.exists() and not path.parent.is_dir():
        raise ArgumentError(f"--bundle: expected a folder at {path.parent}, got a file")
    if path.resolve() in {other.resolve() for other in others}:
        raise ArgumentError(f"--bundle: expected a file of its own, got {path} of -o")
    names = [case.name for case in cases]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ArgumentError(f"--bundle: expected cases of different names, got {repeated[0]} twice")
    path.unlink(missing_ok=True)


def made_with() -> dict[str, Any]:
    """Return the versions that a verdict was made with."""
    packages = {package: installed(package) for package in PACKAGES}
    known = {package: version for package, version in packages.items() if version}
    return {"amn": __version__, "versions": {"python": platform.python_version(), **known}}


def timeless(verdict: str) -> bytes:
    """Return the JSON of a gate with every timing 0: equal results give equal bundles."""
    document = json.loads(verdict)
    for result in document["results"]:
        for check in result["checks"]:
            check["seconds"] = 0.0
    return _json(document)


def members_of(
    case: Case, options: GateOptions, result: GateResult, *, with_data: bool = False
) -> dict[str, Content]:
    """Return what the result of one case rests on, by path in the bundle.

    Args:
        with_data: Its data sets too, as the files they are.
    """
    folders = data_folders(case) if with_data else {}
    context: dict[str, Any] = {
        "mode": options.mode,
        "today": str(options.today) if options.today else None,
        "first_run": options.first_run,
        "resolved": case.config.resolved(),
        "inputs": declared_inputs(case),
        "candidates": len(result.candidates),
        "data": folders,
    }
    if classes := result.made.get("classes"):
        context["numerics"] = asdict(classes)
    members: dict[str, Content] = dict(_case_files(case))
    for source in case.sources if with_data else ():
        place, inside = case.folder_of(source), f"{case.name}/{folders[source.place]}"
        members |= {f"{inside}/{file}": place / file for file in data_files(place)}
    if options.metrics:
        members[f"{case.name}/metrics.json"] = read_whole(options.metrics)
    for number, candidate in enumerate(result.candidates):
        folder = f"{case.name}/candidate-{number:03}"
        members |= {f"{folder}/{name}": data for name, data in _candidate_files(candidate).items()}
    members[f"{case.name}/context.json"] = _json(context)
    return members


def write_bundle(path: Path, members: Mapping[str, Content], verdict: str) -> str:
    """Write a bundle atomically and return its sha256.

    Args:
        members: Of every case, as `members_of` gives them.
        verdict: JSON of the gate.
    """
    return write_archive(path, {**members, VERDICT_FILE: timeless(verdict)}, made_with())


def data_folders(case: Case) -> dict[str, str]:
    """Return a name in the bundle for every data set of a case, by its place in case.toml."""
    names: dict[Path, str] = {}
    return {
        one.place: names.setdefault(case.folder_of(one).resolve(), f"data-{len(names):03}")
        for one in case.sources
    }


def data_files(folder: Path) -> list[str]:
    """Return the files of a data set, those that are there: its manifest, what it lists, its index.

    A name that leads out of the folder is no part of it, whatever the manifest says.
    """
    names = {MANIFEST_FILE, INDEX_FILE, INDEX_MANIFEST}
    with suppress(DataError):  # a manifest that cannot be read is a finding there too
        names |= {entry.path for entry in read_manifest(folder).files}
    return sorted(name for name in names if is_inside(name) and (folder / name).is_file())


def _selectors(case: Case) -> list[Selector]:
    """Return the selectors that the splits of a case have."""
    split = case.config.split
    return [one for one in (split.train, split.in_dist, split.ood) if one]


def bundled_files(case: Case) -> list[str]:
    """Return the names of the files of a case that a bundle has, those that are not there too."""
    lists = {str(selector.file) for selector in _selectors(case) if selector.file}
    return sorted({*CASE_FILES, *filter(is_inside, lists)})


def _case_files(case: Case) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a case, and what its data set says of itself."""
    for name in bundled_files(case):
        if (path := case.folder / name).is_file():
            yield f"{case.name}/golden/{case.name}/{name}", read_whole(path, case.folder)
    if (manifest := case.dataset_path / MANIFEST_FILE).is_file():
        yield f"{case.name}/dataset.json", read_whole(manifest, case.dataset_path)


def _candidate_files(candidate: JudgedCandidate) -> dict[str, bytes]:
    """Return a candidate's record and, window by window, its scores."""
    record = candidate.record.to_json() if candidate.record else None
    about: dict[str, Any] = {"name": candidate.name, "digest": candidate.digest, "record": record}
    about |= {"seed": candidate.seed} if candidate.seed is not None else {}
    found = {"candidate.json": _json(about)}
    if candidate.evaluation:
        with tempfile.TemporaryDirectory() as folder:
            save_evaluation(Path(folder), candidate.evaluation)
            for name in (EVALUATION_FILE, COSINES_FILE):
                found[name] = read_whole(Path(folder) / name)
    return found


def _json(value: object) -> bytes:
    """Return JSON with sorted keys; a record of a crashed run may hold numbers that are none."""
    return json.dumps(value, indent=1, sort_keys=True, default=str).encode()
