"""What setup.py tells of the package."""

import re
import runpy
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def metadata():
    """What setup.py hands to setuptools."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", found.update)
        runpy.run_path(str(ROOT / "setup.py"))
    return found


def test_description_for_an_index_page_links_to_no_file_of_the_repository(metadata):
    text = metadata["long_description"]
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert all(target.startswith("https://") for target in targets)
    assert "docs/solvers.md" in text and "| task |" in text


def test_licence_is_named_and_its_text_is_there(metadata):
    assert metadata["license"] == "Apache-2.0"
    [file] = metadata["license_files"]
    assert "Apache License" in (ROOT / file).read_text(encoding="utf-8")
