"""How Sphinx builds these pages: `make docs`. Warnings, a dead link among them, are errors there."""

from importlib.metadata import version as installed_version

from sphinx.application import Sphinx

project = "catalogd"
author = "the catalogd developers"
copyright = "the catalogd developers"
version = release = installed_version("catalogd")

extensions = ["myst_parser", "sphinx_click"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
nitpicky = True
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "catalogd"
html_static_path: list[str] = []

# (page, name, caption, authors, section)
man_pages = [
    ("commands", "catalog", "search, review and check a guarded image collection", author, 1),
    ("service", "catalogd", "guard an image collection", author, 8),
    ("settings", "catalogd.toml", "settings of catalogd", author, 5),
]
man_show_urls = True


def literal_examples(_app: object, _context: object, lines: list[str]) -> None:
    """Turn the examples at the end of a command's help into a literal block: shell patterns are no markup."""
    start = next((number for number, line in enumerate(lines) if line.strip(" |\b") == "Examples:"), None)
    if start is None:
        return
    calls = [line.strip().removeprefix("|").strip("\b") for line in lines[start + 1 :]]
    lines[start:] = ["", "Examples::", "", *(f"   {call.strip()}" for call in calls), ""]


def setup(app: Sphinx) -> None:
    """Connect to sphinx-click."""
    app.connect("sphinx-click-process-description", literal_examples)
