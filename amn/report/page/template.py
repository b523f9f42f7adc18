"""The templates of the pages, with the style sheet that they share."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from amn.errors import require
from amn.report.visible import visible_value
from amn.system import __version__


def render(name: str, **values: Any) -> str:  # noqa: ANN401 - what a template shows
    """Fill a template: one HTML file that needs no network and runs no script.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
    """
    require("jinja2", extra="report")
    page: str = _environment().get_template(name).render(values)
    return page.strip() + "\n"


@cache
def _environment() -> Any:  # noqa: ANN401 - jinja2 is an extra
    """Return the templates, compiled when they are first asked for."""
    jinja2 = require("jinja2", extra="report")
    loader = jinja2.PackageLoader("amn.report.page")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=visible_value,
    )
    style, _, _ = loader.get_source(environment, "page.css")
    environment.globals |= {
        "style": jinja2.utils.markupsafe.Markup(style),
        "style_digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "version": __version__,
    }
    return environment
