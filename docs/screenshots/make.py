"""Make the screenshots of this folder again: python docs/screenshots/make.py (Chromium, 3 minutes).

Three gates on the shipped case: as it is, trained for one epoch only, and a checkpoint of random
weights. Each page is photographed wide and narrow, light and dark.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import sync_playwright

from amn.training.checkpoint import save_checkpoint
from amn.training.networks.amn import RecencyAMN
from amn.training.networks.build import ModelSpec

HERE = Path(__file__).resolve().parent
CASE = HERE.parents[1] / "golden" / "wiki-mini"
WINDOWS = {1280: (1640, 820), 390: (1100, 390)}  # width: height, and width of the picture, pixels
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def gate(folder: Path, page: Path, *options: str) -> None:
    """Write the page of a gate on the case in `folder`."""
    command = [sys.executable, "-m", "amn", "gate", CASE.name, *options, "--output", str(page)]
    subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - ours


def pages(folder: Path) -> dict[str, Path]:
    """Return the page of each verdict."""
    whole, short = folder / "whole", folder / "short"
    for project in (whole, short):
        shutil.copytree(CASE, project / "golden" / CASE.name)
    file = short / "golden" / CASE.name / "case.toml"
    file.write_text(file.read_text().replace("[training]", "[training]\nepochs = 1"))
    torch.manual_seed(0)
    sizes = {"dim": 768, "context": 5, "attention_dim": 32, "hidden_dim": 256}
    model, spec = RecencyAMN(**sizes), ModelSpec(architecture="amn/recency/1", **sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 1)
    broken = whole / "broken.safetensors"
    save_checkpoint(broken, model, spec, articles=np.arange(1, 20), provenance={})
    found = {name: folder / f"{name}.html" for name in ("pass", "fail", "harness")}
    gate(whole, found["pass"])
    gate(short, found["fail"])
    gate(whole, found["harness"], "--checkpoint", broken.name)
    return found


def main() -> None:
    """Photograph every page."""
    browser_path = next(path for path in map(shutil.which, BROWSERS) if path)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        found = pages(Path(name))
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for width, (height, drawn) in WINDOWS.items():
            for scheme in ("light", "dark"):
                size = {"width": width, "height": height}
                tab = browser.new_page(viewport=size, color_scheme=scheme)
                for verdict, page in found.items():
                    tab.goto(page.as_uri())
                    picture = Image.open(io.BytesIO(tab.screenshot()))
                    picture = picture.resize((drawn, height * drawn // width), Image.LANCZOS)
                    picture.save(HERE / f"{verdict}-{width}-{scheme}.webp", quality=70)
        browser.close()


if __name__ == "__main__":
    main()
