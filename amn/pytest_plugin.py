"""The pytest plugin: every `golden/<case>/case.toml` is a file of tests, one item a declared check.

Loaded whenever pytest starts, so whatever is heavy is imported when a case is collected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amn.plugin.items import FACTS, MARKERS, MEASURED, NOT_RUN, CaseFile, CheckItem, refuse_skip
from amn.plugin.ledger import Ledger
from amn.plugin.sessions import GATES, find_folder, gate_for
from amn.plugin.settings import require_said
from amn.system import CACHE_FOLDER, CASE_FILE, GOLDEN_FOLDER
from amn.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from amn.case.load import Case
    from amn.evaluation.summary import Summary
    from amn.gate.result import GateResult
    from amn.training.candidate import Candidate


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the group `amn`."""
    group = parser.getgroup("amn", "regression gate for next-embedding predictors")
    group.addoption("--amn-strict", action="store_true", help="INCONCLUSIVE and PARTIAL fail.")
    group.addoption(
        "--amn-first-run", action="store_true", help="There is no golden yet: judge without one."
    )
    group.addoption(
        "--amn-target",
        metavar="BRANCH",
        help="Branch that this change is for (default: what CI names, or origin's).",
    )
    group.addoption(
        "--amn-approve-loosening",
        metavar="'NAME: WHY'",
        help="Let through what this change loosens.",
    )
    group.addoption(
        "--amn-cache",
        metavar="PATH",
        help=f"Finished runs, by content (default: {CACHE_FOLDER.as_posix()} in the rootdir).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and the ledger; make the cache folder absolute, for xdist's workers."""
    require_said(config)
    for name, (text, _) in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")
    cache = config.option.amn_cache
    folder = config.invocation_params.dir / cache if cache else config.rootpath / CACHE_FOLDER
    config.option.amn_cache = str(folder)
    config.stash[GATES] = {}
    config.stash[MEASURED] = {}
    config.pluginmanager.register(Ledger(), "amn-ledger")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Start no more workers than there are cases, where nothing else is asked for: they would wait.

    For one case that is none: what a second process costs to start, it cannot save.
    """
    n_cases = _cases_alone(config)
    if n_cases and getattr(config.option, "numprocesses", 0):
        if n_cases == 1:
            config.option.numprocesses = 0
        else:
            config.option.maxprocesses = min(n_cases, config.option.maxprocesses or n_cases)
    return (yield)


def _cases_alone(config: pytest.Config) -> int:
    """Return how many cases are asked for; 0 where anything else is."""
    golden = (config.rootpath / GOLDEN_FOLDER).resolve()
    here = config.invocation_params.dir
    asked = {(here / argument.partition("::")[0]).resolve() for argument in config.args}
    if not all(path.is_relative_to(golden) for path in asked):
        return 0
    return sum(not asked.isdisjoint((f, *f.parents)) for f in golden.glob(f"*/{CASE_FILE}"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Keep a case on one worker where `-n` alone would cut it up; other ways are as asked for."""
    if config.getvalue("dist") != "load" or not _has_cases(config.rootpath):
        return None
    from amn.plugin.scheduling import CaseScheduling  # noqa: PLC0415 - xdist may not be installed

    return CaseScheduling(config, log)


def _has_cases(root: Path) -> bool:
    return next((root / GOLDEN_FOLDER).glob(f"*/{CASE_FILE}"), None) is not None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CaseFile | None:
    """Collect `golden/<case>/case.toml`, and any case.toml that the command line names."""
    if file_path.name != CASE_FILE:
        return None
    is_golden = file_path.parent.parent.name == GOLDEN_FOLDER.name
    if is_golden or parent.session.isinitpath(file_path):
        return CaseFile.from_parent(parent, path=file_path)
    golden = parent.config.rootpath / GOLDEN_FOLDER
    if file_path.is_relative_to(golden):
        _refuse_deeper(golden, parent)
    return None


def _refuse_deeper(golden: Path, parent: pytest.Collector) -> None:
    """Fail the collection where a case lies too deep under golden/ to be one."""
    from amn.case.load import case_files  # noqa: PLC0415 - loads pydantic
    from amn.errors import ConfigError  # noqa: PLC0415 - beside it

    try:
        case_files(golden)
    except ConfigError as error:
        raise parent.CollectError(str(error)) from error


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a check that was skipped or xfailed; attach what the summary shows."""
    report = yield
    if isinstance(item, CheckItem):
        if report.skipped or hasattr(report, "wasxfail"):
            refuse_skip(report, item.name)
        if report.when == "call" or report.failed:
            setattr(report, FACTS, item.facts(is_red=report.failed))
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Keep what a failed check kept from running out of the failures: it has nothing to say itself.

    It is no less red: pytest counts it as failed, and JUnit has it as a failure.
    """
    facts = getattr(report, FACTS, None) or {}
    if report.failed and report.when == "call" and facts.get("status") == Status.NOT_RUN.name:
        return NOT_RUN, "-", "NOT RUN"
    return None


@pytest.fixture(scope="session")
def amn_case(request: pytest.FixtureRequest) -> Case:
    """The case that the test names by an indirect parameter, or the only one under golden/."""
    folder = find_folder(request.config, getattr(request, "param", None))
    case: Case = gate_for(request.config, folder).evidence["case"]
    return case


@pytest.fixture(scope="session")
def amn_run(request: pytest.FixtureRequest, amn_case: Case) -> tuple[Candidate, ...]:
    """The trained models of the case, one a seed, from the cache where they are there.

    Bad data fail the test before anything is trained.
    """
    gate = gate_for(request.config, amn_case.folder)
    bad = [outcome.label for outcome in gate.before_training() if outcome.has_failed]
    if bad:
        fix = f"pytest {amn_case.file} -m 'amn_data or amn_index'"
        message = f"{amn_case.name}: expected sound data, got {', '.join(bad)} failed"
        pytest.fail(f"{message}. Fix: {fix}", pytrace=False)
    candidates: tuple[Candidate, ...] = gate.evidence["candidates"]
    return candidates


@pytest.fixture(scope="session")
def amn_evaluation(
    request: pytest.FixtureRequest, amn_case: Case, amn_run: tuple[Candidate, ...]
) -> dict[str, Summary]:
    """The scores of the case: `in_dist` and `ood`, each with interval and reference predictors."""
    del amn_run  # it has checked the data and made what the scores are of
    gate = gate_for(request.config, amn_case.folder)
    scores: dict[str, Summary] = gate.evidence["summaries"]
    return scores


@pytest.fixture
def amn_predictions(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[str, Callable[[NDArray[np.float32]], ArrayLike]], Path]:
    """A function of a case under golden/ and a model: it writes what the model predicts to a file.

    The model is any function from contexts (B, T, D) to predictions (B, D).
    """
    from amn.api import predict  # noqa: PLC0415 - loads numpy and more

    def write(case: str, model: Callable[[NDArray[np.float32]], ArrayLike]) -> Path:
        folder = request.config.rootpath / GOLDEN_FOLDER / case
        return predict(folder, model, tmp_path / f"{case}.parquet")

    return write


@pytest.fixture
def amn_gate(request: pytest.FixtureRequest) -> Callable[..., GateResult]:
    """The function `amn.gate` for cases under golden/: `amn_gate("mine", predictions=file)`."""
    from amn.api import gate  # noqa: PLC0415 - loads numpy and more

    def judge(case: str, **options: Any) -> GateResult:  # noqa: ANN401 - those of `amn.gate`
        folder = request.config.rootpath / GOLDEN_FOLDER / case
        return gate(folder, **{"cache": request.config.option.amn_cache, **options})

    return judge
