"""Settings of Sphinx: `make docs` builds the book into site/, which works from a disk without a server.

Sphinx and not MkDocs: the theme that most use with the latter, Material, ends in May 2027, and its successor is at 0.1.
"""

import importlib
import re
import sys
from pathlib import Path

import tfapp

project = "tfapp"
copyright = author = "the authors of tfapp"
release = version = tfapp.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]

myst_enable_extensions = ["colon_fence", "dollarmath"]
# Anchors of headings as on GitHub, where the same pages are read.
myst_heading_anchors = 4
myst_dmath_double_inline = True

html_theme = "furo"
html_title = f"tfapp {version}"
html_show_sphinx = False
html_copy_source = False
# Without fonts or scripts of other hosts.
html_theme_options = {"navigation_with_keys": True}

autodoc_default_options = {
    "members": True,
    "exclude-members": "call, build, compute_output_shape, get_config",
}
autodoc_typehints = "none"
autodoc_member_order = "alphabetical"
autodoc_class_signature = "mixed"
autoclass_content = "class"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [
    ("Call arguments", "params_style"),
    "Input shape",
    "Output shape",
    "Reference",
    "Source",
]
# Docstrings are Markdown where they are anything: one backtick is code.
default_role = "code"
# Of blocks that name none: commands and formulas.
highlight_language = "text"

# What stays as it is: lines that are set in; code, which may go on in the next line; titles; arguments with stars;
# examples.
_MEANT = re.compile(
    r"((?<=\S\n\n)(?: {4}[^\n]+(?:\n|$)|\n(?= {4}))+"
    r"|`(?:[^`\n]|\n(?!\s*\n))+`"
    r"|(?<![\w*])\*[A-Z][^*]{3,200}\*(?![\w*])"
    r"|^\s*\*{1,2}\w+:"
    r"|^\s*>>>[^\n]*$)",
    re.MULTILINE,
)
_MARKS = re.compile(r"(?<!\\)([*|])|(?<=\w)_(?=\W|$)")


DOCUMENTED = ("layers", "optimizers", "landscape", "export", "models", "data")
for package in (importlib.import_module(f"tfapp.{room}") for room in DOCUMENTED):
    for public in package.__all__:
        # Names of some packages load when they are first used, and are then not among their attributes.
        setattr(package, public, getattr(package, public))


def _described(app, what, name, obj, options, lines):
    """Describe a constant by the comment above it, as its class is not what it is."""
    del app, options
    if what != "data":
        return
    package, _, constant = name.rpartition(".")
    above = re.compile(rf"((?:^# [^\n]*\n)+){constant}\b[^\n]*=", re.MULTILINE)
    homes = [
        module
        for place, module in sys.modules.items()
        if place.startswith(f"{package}.") and getattr(module, constant, None) is obj
    ]
    found = [above.search(Path(module.__file__).read_text(encoding="utf-8")) for module in homes]
    lines[:] = [line.removeprefix("# ") for match in filter(None, found) for line in match[1].splitlines()]


def _escaped(app, what, name, obj, options, lines):
    """Escape other marks: bars around a norm, a star before a name, a name's last underscore."""
    del app, what, name, obj, options
    parts = _MEANT.split("\n".join(lines))
    parts[::2] = [_MARKS.sub(lambda found: "\\" + found[0], part) for part in parts[::2]]
    # Behind code no letter may follow at once, as in `Pair`s.
    parts[2::2] = ["\\ " + part if part[:1].isalnum() else part for part in parts[2::2]]
    # Lines that are set in behind a paragraph are formulas and examples, as they stand.
    lines[:] = re.sub(r"^(\S.*)\n\n(?= {4}\S)", r"\1\n\n::\n\n", "".join(parts), flags=re.M).split("\n")


# Pages whose text stands elsewhere in the repository, where people look for it.
ELSEWHERE = {
    "index": "README.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/changelog": "CHANGELOG.md",
    "project/result-files": "results/README.md",
    "project/benchmarks": "benchmarks/README.md",
}
_PAGES = {file: page for page, file in ELSEWHERE.items()}
ROOT = Path(__file__).resolve().parent.parent
# Blocks and code, which stay as they are, and links.
_LINK = re.compile(
    r"^```.*?^```$|(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)|`[^`\n]+`", re.DOTALL | re.MULTILINE
)


def _read(app, page, source):
    """Take the text of a page from where it stands, and point its links to where things are in the book."""
    del app
    file = ROOT / ELSEWHERE.get(page, f"docs/{page}.md")
    text = file.read_text(encoding="utf-8")
    own = source[0] if page in ELSEWHERE else ""
    source[0] = _LINK.sub(lambda found: _linked(found, file.parent, page), text) + own


def _linked(found, home, page):
    picture, text, target = found.groups()
    if target is None or re.match(r"[a-z]+:|#", target):
        return found[0]
    path, _, anchor = target.partition("#")
    there = (home / path).resolve()
    inside = there.relative_to(ROOT).as_posix()
    anchor = f"#{anchor}" if anchor else ""
    if inside in _PAGES:
        return f"[{text}](/{_PAGES[inside]}.md{anchor})"
    if inside.startswith("docs/") and inside.endswith(".md"):
        return f"[{text}](/{inside.removeprefix('docs/')}{anchor})"
    if not there.is_file():
        return text
    upwards = "../" * (page.count("/") + 1) + inside
    return f"![{text}]({upwards})" if picture else f"{{download}}`{text.replace('`', '')} <{upwards}>`"


def setup(app):
    """Add what is no setting."""
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _described, priority=50)
    app.connect("autodoc-process-docstring", _escaped, priority=100)  # before napoleon adds marks
    return {"parallel_read_safe": True}
