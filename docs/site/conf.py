"""How Sphinx builds the site. `build.py` beside this file prepares the pages, and starts it."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from sphinx.application import Sphinx  # noqa: E402
from sphinx.util.inspect import stringify_signature  # noqa: E402
from staging import HOST, ROOT  # noqa: E402

from augment._version import __version__  # noqa: E402

project = "Counterpoise"
author = "The Counterpoise authors"
copyright = "the Counterpoise authors, Apache-2.0"
version = release = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
]

nb_execution_mode = "off"
"""The notebooks are kept with what they print. A test runs them."""
nb_merge_streams = True
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r".*")]
"""Docstrings name types in words."""
suppress_warnings = ["myst.header", "ref.python"]
default_role = "literal"
highlight_language = "text"

autodoc_inherit_docstrings = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True
"""Types are words, and no links are made of them."""
add_module_names = False
toc_object_entries_show_parents = "hide"

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"

html_theme = "pydata_sphinx_theme"
html_title = "Counterpoise"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "switcher": {"json_url": "_static/versions.json", "version_match": version},
    "check_switcher": False,
    "navbar_end": ["version-switcher", "theme-switcher", "navbar-icon-links"],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "github_url": HOST,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Return where the code host shows the source of a public name."""
    if not info["module"]:
        return None
    value: Any = importlib.import_module(info["module"])
    for part in info["fullname"].split("."):
        value = getattr(value, part, None)
    value = inspect.unwrap(getattr(value, "fget", None) or value)
    try:
        path = Path(inspect.getfile(value)).relative_to(ROOT).as_posix()
        source, first = inspect.getsourcelines(value)
    except (TypeError, ValueError, OSError):  # a value, or inherited from another package
        return None
    return f"{HOST}/blob/main/{path}#L{first}-L{first + len(source) - 1}"


def setup(app: Sphinx) -> None:
    """Show the parameters of our classes also where their constructor is wrapped."""
    app.connect("autodoc-process-signature", signature_of)


def signature_of(app: Sphinx, what: str, name: str, value: Any, options: Any, shown: str, returned: str) -> Any:
    """Return the signature of a class as Python gives it."""
    if what != "class":
        return None
    try:
        return stringify_signature(inspect.signature(value), show_annotation=False), None
    except ValueError:  # a class without a constructor of its own
        return None
