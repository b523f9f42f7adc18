"""The HTML page in a real browser: PASS, FAIL and HARNESS, wide and narrow, light and dark."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.checks.broken.golden import with_tables
from amn.data.writer import Chunks, write_dataset
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, run_gate
from amn.gate.result import GateResult
from amn.golden.store import write_golden
from amn.report.page.faults import FaultMatrix
from amn.report.page.html import to_html
from amn.training.checkpoint import save_checkpoint
from amn.training.networks.amn import RecencyAMN
from amn.training.networks.build import ModelSpec
from amn.verdict import Finding, Outcome, Status, Verdict
from tests.strategies import drifting_rows
from tests.whole import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amn.golden.schema import Golden
    from amn.golden.table import Table

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, NAMES) if path), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None, reason="no Chromium here: ci/run.sh slow installs one as root"
    ),
]

ARTICLES, ROWS, DIM = 64, 16, 24
VERDICTS = (Verdict.PASS, Verdict.FAIL, Verdict.HARNESS)
SIZES = (1280, 390)  # CSS pixels: a laptop and a phone
SCHEMES = ("light", "dark")
PHONE = 844  # CSS pixels: the height of its screen
LEAST_CONTRAST = 4.5  # WCAG 2.1, 1.4.3, level AA
LEAST_PIXELS = 9.5  # of the smallest text, drawn ones included
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)> ]]> 😀"

# What the page's own engine says of it. Shown text is compared with the nearest background that
# is not transparent.
CONTRASTS = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b) + 0.05;
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return light(c);
    }
    return light([255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
    if (!words || !e.getClientRects().length || e.closest('title,desc,style')) continue;
    const style = getComputedStyle(e);
    const front = light(rgb(e instanceof SVGElement ? style.fill : style.color)), back = behind(e);
    found.push([Math.max(front, back) / Math.min(front, back), words.slice(0, 40)]);
  }
  return found;
}"""
OUTSIDE = """() => [...document.querySelectorAll('svg.chart text')].filter(t => {
  const box = t.getBBox(), view = t.ownerSVGElement.viewBox.baseVal;
  return box.x < 0 || box.x + box.width > view.width
    || box.y < 0 || box.y + box.height > view.height;
}).map(t => t.textContent)"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll('body *')]
  .filter(e => e.getClientRects().length && e.textContent.trim())
  .map(e => {
    const svg = e.ownerSVGElement, size = parseFloat(getComputedStyle(e).fontSize);
    return svg ? size * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : size;
  }))"""
FOCUSED = """() => {
  const e = document.activeElement, place = [...document.querySelectorAll('*')].indexOf(e);
  return [place, e.tagName, getComputedStyle(e).outlineStyle, e.textContent.trim()];
}"""
OPEN_ALL = "() => document.querySelectorAll('details').forEach(d => { d.open = true })"
SELFTEST = {
    "passed": False, "caught": 1, "missed": 1, "not_applicable": 0,
    "clean_variants": 9, "false_alarms": 0, "seconds": 3.0,
    "defects": [
        {"title": f"{HOSTILE} {state}", "check": "D001-finite", "when": "now", "state": state}
        for state in ("caught", "missed", "not applicable")
    ],
}  # fmt: skip
MODEL = {"dim": DIM, "context": 3, "attention_dim": 8, "hidden_dim": 16}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Verdict, Path]:
    """A page of each verdict, of a tiny case with a golden."""
    folder = tmp_path_factory.mktemp("pages")
    write_dataset(
        folder / "data",
        drifting_rows(ARTICLES, ROWS, DIM),
        Chunks(
            article_ids=np.repeat(np.arange(1, ARTICLES + 1), ROWS),
            chunk_index=np.tile(np.arange(ROWS, dtype=np.int32), ARTICLES),
        ),
        name="toy",
        dtype="float32",
    )
    cache = folder / "runs"
    sound = _case(folder / "toy", floor=0.3)
    golden = accept(
        sound, cache=cache, seeds=range(5), reason="first", author="A", created=date(2025, 1, 31)
    ).golden
    torch.manual_seed(0)
    spec = ModelSpec(architecture="amn/recency/1", **MODEL)
    model = RecencyAMN(**MODEL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 1)
    broken = folder / "broken.safetensors"
    save_checkpoint(broken, model, spec, articles=np.arange(1, 20), provenance={})
    same = GateOptions(cache=cache, allow_same=True)
    checkpoint = GateOptions(cache=cache, checkpoint=broken)
    gates = {
        Verdict.PASS: (sound, same),
        Verdict.FAIL: (_case(folder / "strict", floor=0.99), same),
        Verdict.HARNESS: (_case(folder / "broken", floor=0.3), checkpoint),
    }
    written = {}
    for verdict, (case, options) in gates.items():
        case.folder.mkdir(exist_ok=True)
        write_golden(case.folder, _golden_of(golden, case, raised=verdict is Verdict.FAIL))
        result = run_gate(case, options)
        assert result.judged is verdict, [str(f) for o in result.outcomes for f in o.findings]
        result = replace(result, made={**result.made, "review": WHOLE["review"]})
        faults = {case.name: FaultMatrix.model_validate(SELFTEST | {"case": case.name})}
        written[verdict] = folder / f"{verdict.value}.html"
        written[verdict].write_text(to_html([replace(result, title=HOSTILE)], faults), "utf-8")
    return written


def _golden_of(golden: Golden, case: Case, *, raised: bool) -> Golden:
    """Return the golden for a case; raised, the candidate loses, most of all on a few articles."""
    tables = golden.tables
    if raised:
        tables = {name: _raised(table) for name, table in tables.items()}
    made = with_tables(golden, tables)
    return replace(made, record=made.record.model_copy(update={"case": case.name}))


def _raised(table: Table) -> Table:
    by = np.where(table.articles % 5 == 0, 0.2, 0.02) * table.sizes
    sums = {
        column: np.minimum(values + by, table.sizes) if column[-1].isdigit() else values
        for column, values in table.sums.items()
    }
    return replace(table, sums=sums)


def _case(folder: Path, *, floor: float) -> Case:
    config = {
        "schema": 1,
        "title": "toy",
        "dataset": {"path": str(folder.parent / "data")},
        "split": {"in_dist": {"articles": "41-52"}, "ood": {"articles": "53-64"}},
        "windows": {"context": 3},
        "model": {"attention_dim": 8, "hidden_dim": 16},
        "training": {"epochs": 3, "lr": 0.003, "batch_size": 128},
        "criteria": {"in_dist": floor, "ood": floor, "delta": [-0.3, 0.3], "lift": -0.05},
    }
    return Case(folder, CaseConfig.model_validate(config))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as playwright:
        # Inside a container Chromium cannot make a sandbox of its own; it reads our file only.
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Shown:
    """A page in a tab, and what the tab complained about."""

    def __init__(
        self, browser: Any, path: Path, *, width: int = 1280, scheme: str = "light"
    ) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_is_whole_quiet_and_readable(
    browser: Any,
    pages: dict[Verdict, Path],
    verdict: Verdict,
    width: int,
    scheme: str,
    tmp_path: Path,
) -> None:
    shown = Shown(browser, pages[verdict], width=width, scheme=scheme)
    page = shown.page
    for opened in (False, True):
        if opened:
            page.evaluate(OPEN_ALL)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert min(contrasts) >= [LEAST_CONTRAST, ""], min(contrasts)
        assert page.evaluate(OUTSIDE) == []
        assert page.evaluate(SMALLEST) >= LEAST_PIXELS
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert shown.complaints == []
    assert shown.requests == [pages[verdict].as_uri()]
    assert page.title().startswith(f"{verdict.value}: ")
    assert page.locator("h1").first.inner_text().startswith(verdict.value)


def test_every_verdict_fits_the_first_screen_of_a_phone(
    browser: Any, pages: dict[Verdict, Path]
) -> None:
    for verdict, path in pages.items():
        box = Shown(browser, path, width=390).page.locator("h1").first.bounding_box()
        assert box is not None, verdict
        assert box["y"] + box["height"] < 300


def test_a_phone_shows_why_on_its_first_screen_and_what_was_found_on_four(
    browser: Any, tmp_path: Path
) -> None:
    text = "expected at most 4 rows that repeat another, got 17: 3, 4, 5, 6, 7, 8, 9, 10, 11 " * 3
    findings = tuple(Finding(f"vectors-00000.npy row {k}", text, text) for k in range(50))
    bad = [
        Outcome(f"C{k}", "of_mine", Status.FAIL, "17.0000", "<= 4", text, findings)
        for k in range(101, 141)
    ]
    drift = Finding("training.epochs", "golden 15, now 1")
    outcomes = (*bad, Outcome("G007", "config", Status.WARN, "1 change", "none", "", (drift,)))
    labels = tuple(outcome.label for outcome in outcomes)
    page = tmp_path / "many.html"
    page.write_text(
        to_html([GateResult("case", labels, outcomes, WHOLE, reproduce="amn gate case")]), "utf-8"
    )

    shown = Shown(browser, page, width=390).page

    for words in ("must not be merged", "17.0000, expected <= 4", "golden 15, now 1", "undo that"):
        box = shown.get_by_text(words).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < PHONE, words
    last = shown.locator(".findings + details").bounding_box()
    assert last is not None
    assert last["y"] + last["height"] < 4 * PHONE


def test_the_keyboard_reaches_everything_in_order_and_opens_it(
    browser: Any, pages: dict[Verdict, Path]
) -> None:
    page = Shown(browser, pages[Verdict.FAIL]).page
    wanted = page.evaluate("() => document.querySelectorAll('a[href], summary').length")

    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)[3] == "Skip to the verdict"
    order, reached = [], 1
    for _ in range(500):
        page.keyboard.press("Tab")
        place, tag, outline, words = page.evaluate(FOCUSED)
        if tag == "BODY":
            break
        assert outline == "solid", words
        order.append(place)
        if tag == "SUMMARY":
            reached += 1
            was_open = page.evaluate("() => document.activeElement.parentElement.open")
            page.keyboard.press("Enter")
            assert page.evaluate("() => document.activeElement.parentElement.open") != was_open
            if was_open:
                page.keyboard.press("Enter")
    assert order == sorted(order)
    assert reached == wanted > 15


def test_what_others_wrote_is_shown_and_never_run(browser: Any, pages: dict[Verdict, Path]) -> None:
    shown = Shown(browser, pages[Verdict.PASS])

    assert shown.page.get_by_text(HOSTILE).first.is_visible()
    assert shown.page.title().startswith("PASS")
    assert shown.complaints == []


def test_a_style_that_is_not_ours_is_refused(
    browser: Any, pages: dict[Verdict, Path], tmp_path: Path
) -> None:
    text = pages[Verdict.PASS].read_text("utf-8")
    changed = tmp_path / "changed.html"
    changed.write_text(text.replace("<style>", "<style>body { background: red }", 1), "utf-8")

    assert any("Content Security Policy" in c for c in Shown(browser, changed).complaints)


def test_the_measure_of_contrast_sees_pale_text(browser: Any, pages: dict[Verdict, Path]) -> None:
    page = Shown(browser, pages[Verdict.PASS]).page

    page.evaluate("() => { document.querySelector('h1').style.color = '#bbb' }")

    assert min(page.evaluate(CONTRASTS))[0] < 2
