"""amn_case, amn_run, amn_evaluation, amn_predictions and amn_gate in users' own tests."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from amn.verdict import Finding, Measured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    Run = Callable[..., pytest.RunResult]

USES_CASE = "def test_it(amn_case):\n    assert amn_case.name == 'toy'\n"
USES_NAME = """
import pytest
@pytest.mark.parametrize("amn_case", ["{name}"], indirect=True)
def test_it(amn_case, amn_evaluation):
    assert amn_case.name == "{name}"
    assert amn_evaluation["ood"].lift.mean > -0.5
"""


def test_a_test_gets_case_models_and_scores(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import torch

        def test_it(amn_case, amn_run, amn_evaluation):
            assert amn_case.config.windows.context == 5
            assert [candidate.name for candidate in amn_run] == ["seed 0", "seed 1", "seed 2"]
            assert set(amn_evaluation) == {"in_dist", "ood"}
            scores = [candidate.recorded.scores["ood"].mean for candidate in amn_run]
            assert amn_evaluation["ood"].per_seed == tuple(scores)

        def test_a_model_that_predicts(amn_run):
            context = torch.nn.functional.normalize(torch.ones(1, 5, 32), dim=-1)
            assert amn_run[0].load().model(context).shape == (1, 32)
        """
    )

    result = run("-q", "test_a_test_gets_case_models_and_scores.py")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("amn: *")


def test_fixtures_and_items_share_one_gate(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(request, amn_run):
            items = [item for item in request.session.items if item.name == "C002-ood"]
            assert items[0].gate.evidence["candidates"] is amn_run
        """
    )

    result = run("-k", "C002 or test_it")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2)


def test_one_of_several_cases_is_named_by_a_parameter(
    run: Run, pytester: pytest.Pytester, project: Path
) -> None:
    shutil.copytree(project / "golden/toy", project / "golden/other")
    pytester.makepyfile(test_own=USES_NAME.format(name="other"))

    result = run("test_own.py")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)


def test_several_cases_without_a_name_list_the_choices(
    run: Run, pytester: pytest.Pytester, project: Path
) -> None:
    shutil.copytree(project / "golden/toy", project / "golden/other")
    pytester.makepyfile(test_own=USES_CASE)

    result = run("test_own.py")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["amn_case: expected a name, as there are 2 cases: other, toy. Fix: @pytest.mark.*"]
    )


def test_an_unknown_name_lists_the_choices(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own=USES_NAME.format(name="tyo"))

    result = run("test_own.py")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["amn_case: expected one of toy, got 'tyo'"])


def test_a_project_without_cases_says_how_to_make_one(
    run: Run, pytester: pytest.Pytester, project: Path
) -> None:
    shutil.rmtree(project / "golden")
    pytester.makepyfile(test_own=USES_CASE)

    result = run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*golden: expected a case, found none. Fix: amn case new NAME *"])


def test_bad_data_fail_a_test_before_anything_is_trained(
    run: Run, pytester: pytest.Pytester, project: Path, replace: Callable[[str, Any], None]
) -> None:
    replace("D001", lambda **_: Measured("1 row", "0", [Finding("row 7", "got nan")]))
    pytester.makepyfile(test_own="def test_it(amn_run):\n    assert amn_run\n")

    result = run("test_own.py", runs=None)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["toy: expected sound data, got D001-finite*failed. Fix: pytest *"])
    assert not (project / ".amn").exists()


def test_a_model_of_ones_own_is_gated_in_a_test_of_ones_own(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        def mean(context):
            return context.mean(axis=1)

        def test_mine(amn_predictions, amn_gate):
            file = amn_predictions("toy", mean)
            result = amn_gate("toy", predictions=file, first_run=True)
            assert [o.label for o in result.outcomes if o.has_failed] == []
            assert not result  # nothing to compare it with

        def test_what_was_seen(amn_predictions, amn_gate):
            file = amn_predictions("toy", lambda context: context[:, -1])
            assert "E004-not_copy" in [
                o.label for o in amn_gate("toy", predictions=file).outcomes if o.has_failed
            ]
        """
    )

    result = run("-q", "test_a_model_of_ones_own_is_gated_in_a_test_of_ones_own.py")

    result.assert_outcomes(passed=2)
