"""The book: it is built without a warning, and its reference has every public name."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

sphinx = pytest.importorskip("sphinx", reason="the book is built with Python 3.11 and newer")
ROOT = Path(__file__).parents[1]
DOCUMENTED = ("layers", "optimizers", "landscape", "export", "models", "data")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the book."""
    folder = tmp_path_factory.mktemp("site")
    options = ["-q", "--fail-on-warning", "--keep-going", "-b", "html", "-d", str(folder / "kept")]
    command = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(folder / "html")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.mark.slow
def test_every_page_links_to_what_is_there(site):
    """Sphinx tells of pages and headings; files are looked up here."""
    import re

    missing = []
    for page in site.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:|//", target) and not (page.parent / target).exists():
                missing.append((page.name, target))
    assert missing == []


@pytest.mark.slow
def test_nothing_is_fetched_from_other_hosts(site):
    import re

    for page in (site / "index.html", site / "reference" / "layers.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'(?:<script[^>]*src|<link[^>]*rel="stylesheet"[^>]*href)="https?:', text)


@pytest.mark.slow
@pytest.mark.parametrize("room", DOCUMENTED)
def test_reference_has_every_public_name(site, room):
    from sphinx.util.inventory import InventoryFile

    with open(site / "objects.inv", "rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, target: target)
    known = {name for kind in inventory for name in inventory[kind]}
    names = importlib.import_module(f"tfapp.{room}").__all__
    assert [name for name in names if f"tfapp.{room}.{name}" not in known] == []
