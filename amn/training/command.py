"""Training by a command, in any language: windows go out as files, predictions come back.

A seed is one call of the command. Its environment names what it gets and where it answers:

```
AMN_SEED     the seed
AMN_TRAIN    file of the training windows with their targets, as `amn windows --vectors` writes it
AMN_JUDGED   file of the evaluated windows, without targets
AMN_FOLDER   empty folder to write `predictions.parquet` to (or .npz, .npy, .csv: what
             `amn gate --predictions` takes), and `history.csv` (or .json, .jsonl) where promised
```

It runs in the folder of its case. Where inputs are declared, that is a copy which holds these and
nothing else, so that what is not declared is not found, and the result is kept by their digests.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from amn.case.config import EVALUATED
from amn.errors import AmnError, ArgumentError, CheckNotRunError, ConfigError, DataError
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.prediction_files import READERS, no_rows
from amn.evaluation.predictions import join_predictions, join_rows
from amn.evaluation.window_files import write_windows
from amn.git import checkout_of
from amn.storage import (
    atomic_folder,
    canonical_json,
    make_cache,
    parse_json,
    read_whole,
    sha256_file,
    sha256_of,
    with_digest,
    without_digest,
    write_json,
)
from amn.system import CASE_FILE
from amn.training.records.find import read_record
from amn.training.records.names import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from amn.case.load import Case
    from amn.data.windows import Windows
    from amn.evaluation.metric import Metric
    from amn.evaluation.predictions import Joined
    from amn.training.plan import Plan
    from amn.training.records.history import RunHistory

    Progress = Callable[[int, int, str], None]

COMMAND_VERSION = 1  # part of every cache key: raise it when what a command gets changes
ANSWER, COURSE, DONE = "predictions", "history", "command.json"
HISTORIES = (".csv", ".json", ".jsonl")
TAIL_BYTES = 2000  # of what it printed, in a message
TAIL_LINES = 8
SECONDS = 60  # a minute
INPUTS = 'name files relative to case.toml, such as "train.py" or "../../src/**/*.py"'


@dataclass(frozen=True)
class Commanded:
    """A training of one seed by a command.

    Attributes:
        joined: Its predictions beside the windows; what is wrong with them is in its `faults`.
        history: Its course, as promised; why there is none; or None where none was promised.
        digest: sha256 of its predictions; empty where there are none.
    """

    seed: int
    joined: Joined
    history: RunHistory | AmnError | None
    digest: str

    @property
    def is_sound(self) -> bool:
        """Whether it has left one prediction a window, and the course that was promised."""
        return not self.joined.faults and not isinstance(self.history, AmnError)

    @property
    def name(self) -> str:
        """`seed 0`: its name for people."""
        return f"seed {self.seed}"


def declared_inputs(case: Case, home: Path | None = None) -> dict[str, str]:
    """Return the sha256 of each declared input by its path in the repository.

    Args:
        home: Folder that they are relative to; None: that of the case.

    Raises:
        ConfigError: If one is not there, or is not of the repository.
    """
    found = _find_inputs(case, home or case.folder)
    return {name: sha256_file(file) for name, file in found.items()}


def _find_inputs(case: Case, home: Path) -> dict[str, Path]:
    """Return the files of the declared inputs by their path in the repository, ascending."""
    folder = home.resolve()
    root = (checkout_of(folder) or folder).resolve()
    found, problems = dict[str, Path](), []
    for pattern in case.config.model.inputs:
        matches = glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 - its ** has files
        files = [Path(os.path.normpath(folder / match)) for match in matches]
        files = [f for f in files if f.is_file() and "__pycache__" not in f.parts]
        if not files:
            got = f"the folder {pattern}" if matches else "none"
            fix = f"{pattern.rstrip('/')}/**" if matches else INPUTS
            problems.append(f"model.inputs: expected files of {pattern!r}, got {got}. Fix: {fix}")
        for file in files:
            if not (file.is_relative_to(root) and file.resolve().is_relative_to(root)):
                where = f"expected files inside {root}, got {file}"
                problems.append(f"model.inputs: {where}. Fix: copy it there, and commit it")
            else:
                found[file.relative_to(root).as_posix()] = file
    if problems:
        raise ConfigError(home / CASE_FILE, problems)
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Trainer:
    """The command of a case on its windows.

    Attributes:
        home: Folder that its inputs are relative to.
        windows: Of train, in_dist and ood.
        sampled: split -> positions of windows whose predictions are kept.
        queried: The same, of windows that indexes are searched for.
        metrics: Measured beside the cosine, by name.
    """

    case: Case
    home: Path
    plan: Plan
    windows: Mapping[str, Windows]
    sampled: Mapping[str, NDArray[np.int64]]
    queried: Mapping[str, NDArray[np.int64]]
    metrics: Mapping[str, Metric]

    @cached_property
    def _inputs(self) -> dict[str, Path]:
        return _find_inputs(self.case, self.home)

    @cached_property
    def _judged(self) -> dict[str, Windows]:
        return {split: self.windows[split] for split in EVALUATED}

    @cached_property
    def _content(self) -> dict[str, Any]:
        """What a result depends on, but for the seed."""
        return {
            "model": self.case.config.resolved()["model"],
            "inputs": {name: sha256_file(file) for name, file in self._inputs.items()},
            "context": self.case.config.windows.context,
            "articles": self.plan.articles,
            "data": {k: v for k, v in self.plan.digests.items() if k != "config"},
            "versions": [COMMAND_VERSION, METRIC_VERSION],
        }

    def train(
        self, seeds: Sequence[int], *, cache: Path, progress: Progress | None = None
    ) -> tuple[Commanded, ...]:
        """Return the results of seeds in their order, running the command for those not kept yet.

        Args:
            cache: Folder of results by content; nothing is kept in it without declared inputs.

        Raises:
            CheckNotRunError: If the command cannot be started, ends with an error or takes too
                long.
            ConfigError: If a declared input is not there, or is not of the repository.
        """
        places = {seed: self._place(cache, seed) for seed in seeds}
        if self._inputs:  # else nothing is kept
            make_cache(cache)
        return tuple(self._results(places, progress))

    def train_into(
        self, folders: Mapping[int, Path], progress: Progress | None = None
    ) -> Iterator[Commanded]:
        """Yield the result of each seed, whose files are then in its folder.

        Args:
            folders: Seed -> folder; one that has the same result of declared inputs is taken.

        Raises:
            ArgumentError: If a folder has anything else, before anything is run.
            CheckNotRunError, ConfigError: As `train`.
        """
        for seed, folder in folders.items():
            if folder.exists() and not (self._inputs and self._is_kept(folder, seed)):
                fix = f"--out {shlex.quote(f'{folder.parent}-2')}"
                raise ArgumentError(f"{folder}: expected no folder, got one. Fix: {fix}")
        yield from self._results(folders, progress)

    def _results(
        self, places: Mapping[int, Path | None], progress: Progress | None
    ) -> Iterator[Commanded]:
        """Yield the result of each seed, one after the other."""
        with tempfile.TemporaryDirectory(prefix="amn-command-") as scratch:
            for number, (seed, place) in enumerate(places.items()):
                if progress:
                    progress(number, len(places), f"seed {seed}: {self._said}")
                yield self._result(seed, Path(scratch), place)
        if progress:
            progress(len(places), len(places), self._said)

    @property
    def _said(self) -> str:
        return shlex.join(self.case.config.model.command or ())

    def _key(self, seed: int) -> str:
        """Return what the result of a seed depends on, as one digest."""
        return sha256_of(canonical_json({**self._content, "seed": seed}))

    def _place(self, cache: Path, seed: int) -> Path | None:
        """Return the folder of a seed's result in the cache, None where nothing is kept."""
        key = self._key(seed)
        return cache / key[:2] / key if self._inputs else None

    def _is_kept(self, place: Path, seed: int) -> bool:
        """Tell whether a folder holds the result of a seed as it was put there."""
        with suppress(AmnError, OSError, ValueError, KeyError, AttributeError):
            said = without_digest(parse_json(read_whole(place / DONE)), place / DONE)
            files = said["files"].items()
            is_whole = bool(files) and all(sha256_file(place / n) == sha for n, sha in files)
            return is_whole and said["key"] == self._key(seed)
        return False

    def _result(self, seed: int, scratch: Path, place: Path | None) -> Commanded:
        """Return the result of a seed: what is kept; else what is made now, kept if it is sound."""
        if place is None:
            return self._read(seed, self._made(seed, scratch))
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.with_name(f".{place.name}.lock")):
            if self._is_kept(place, seed):
                return self._read(seed, place)
            shutil.rmtree(place, ignore_errors=True)  # damaged
            made = self._made(seed, scratch)
            result = self._read(seed, made)
            if result.is_sound:  # else it may be mended by what no key knows
                with atomic_folder(place) as temporary:
                    files = [file for file in sorted(made.iterdir()) if _is_answer(file)]
                    for file in files:
                        shutil.copyfile(file, temporary / file.name)
                    digests = {file.name: sha256_file(file) for file in files}
                    done = {"key": self._key(seed), "files": digests}
                    write_json(temporary / DONE, with_digest(done))
            return result

    def _made(self, seed: int, scratch: Path) -> Path:
        """Run the command for one seed and return the folder that it wrote to."""
        model = self.case.config.model
        given = {
            name: self._written(scratch / f"{name}.{model.files}", splits)
            for name, splits in (("train", ("train",)), ("judged", EVALUATED))
        }
        folder = scratch / f"seed-{seed}"
        folder.mkdir()
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
        environ |= {
            "AMN_SEED": str(seed),
            "AMN_TRAIN": str(given["train"]),
            "AMN_JUDGED": str(given["judged"]),
            "AMN_FOLDER": str(folder),
        }
        log = scratch / f"seed-{seed}.log"
        words = [*(model.command or ())]
        if words[0] == "python":
            words[0] = sys.executable
        with self._place_to_run(scratch, seed) as place:
            code = _run(words, place, environ, log, SECONDS * model.minutes)
        if code != 0:
            got = f"exit code {code}" if code is not None else "no end, and stopped it"
            within = f"exit code 0 within {model.minutes:g} min"
            raise CheckNotRunError(
                f"seed {seed}: {self._said}: expected {within}, got {got}{_tail(log)}. "
                "Fix: mend the program, or raise model.minutes"
            )
        return folder

    def _written(self, file: Path, splits: Sequence[str]) -> Path:
        """Write windows of splits to a file, once."""
        if not file.exists():
            write_windows(file, {name: self.windows[name] for name in splits}, with_vectors=True)
        return file

    @contextmanager
    def _place_to_run(self, scratch: Path, seed: int) -> Iterator[Path]:
        """Yield the folder of the case: a copy that holds the declared inputs, where there are."""
        folder = self.home.resolve()
        if not self._inputs:
            yield folder
            return
        root = (checkout_of(folder) or folder).resolve()
        copy = scratch / f"inputs-{seed}"
        for name, file in self._inputs.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy / name)
        place = copy / folder.relative_to(root)
        place.mkdir(parents=True, exist_ok=True)
        yield place
        shutil.rmtree(copy, ignore_errors=True)

    def _read(self, seed: int, folder: Path) -> Commanded:
        """Return what a command has left in its folder."""
        files = [folder / f"{ANSWER}{suffix}" for suffix in READERS]
        files = [file for file in files if file.is_file()]
        name = f"seed {seed}"
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            raise DataError(folder, f"expected one file of predictions, got {names}")
        asked = (self._judged, self.sampled, self.metrics, self.queried)
        if files:
            joined = join_predictions(files[0], *asked)
        else:
            joined = join_rows(Path(), no_rows(), *asked)
            name += f" (no {ANSWER}.parquet in AMN_FOLDER)"
        return Commanded(
            seed=seed,
            joined=replace(joined, name=name),
            history=self._history(seed, folder),
            digest=sha256_file(files[0]) if files else "",
        )

    def _history(self, seed: int, folder: Path) -> RunHistory | AmnError | None:
        """Return the course that a seed has written down, or why it is not what was promised."""
        promised = self.case.config.model.history
        if not promised:
            return None
        files = [folder / f"{COURSE}{suffix}" for suffix in HISTORIES]
        found = [file for file in files if file.is_file()]
        what = f"seed {seed}: expected {', '.join(promised)} in {COURSE}.csv, as model.history says"
        if len(found) != 1:
            got = " and ".join(file.name for file in found) or "no such file"
            return CheckNotRunError(f"{what}, got {got}. Fix: write it to AMN_FOLDER")
        try:
            history = read_record(found[0], Names(columns=self.case.config.columns))
        except AmnError as error:
            return error
        if missing := [figure for figure in promised if figure not in history.parts]:
            got = f"no {' and no '.join(missing)}"
            return CheckNotRunError(
                f"{what}, got {got}. Fix: name the columns so, or [columns] in case.toml"
            )
        return replace(history, name=f"seed {seed}", status=history.status or "finished")


def _is_answer(file: Path) -> bool:
    """Tell whether a file that a command has left is kept."""
    return file.is_file() and file.name.partition(".")[0] in (ANSWER, COURSE)


def _run(
    words: Sequence[str], place: Path, environ: Mapping[str, str], log: Path, seconds: float
) -> int | None:
    """Run a program and return its exit code; None if it took too long.

    Whatever it has started ends with it, however this ends.
    """
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - what the case names
                words,
                cwd=place,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            what = f"model.command: expected a program {words[0]!r}, got: {error.strerror}"
            raise CheckNotRunError(f"{what}. Fix: install it, or give its path") from error
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its group, of which some may outlive it."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _tail(log: Path) -> str:
    """Return the last lines that a program has printed, on one line; empty for none."""
    text = log.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()][-TAIL_LINES:]
    said = " | ".join(lines)
    return f": {''.join(c if c.isprintable() else ' ' for c in said)}" if said else ""
