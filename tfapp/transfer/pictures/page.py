"""One page about a transfer network: a file that asks no other machine for anything."""

from pathlib import Path

from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.html_shell import shell
from tfapp.transfer.pictures.page_material import PageMaterial
from tfapp.transfer.pictures.page_measures import precision_section, result_section
from tfapp.transfer.pictures.page_sections import (
    embedding_section,
    grid_section,
    next_section,
    training_section,
)

TITLE = "Feature transfer for low-resolution images"
SOURCE = (
    'After Y. Wu, Z. Zhang, G. Wang, "Unsupervised Deep Feature Transfer for Low Resolution Image Classification", '
    "ICCV Workshops 2019, arXiv:1908.10012."
)


def save_page(run, path) -> None:
    """Write what was trained, what it gains or loses, and the pictures that the run has.

    What a run lacks is named with the command that makes it.

    Args:
        run: `TransferRun`.
        path: HTML file, written by write-then-rename.

    Raises:
        InputError: A file of the run is damaged, or `path` is a folder; nothing is written then.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(
            f"{path} is a folder; --out must name an HTML file, such as {path / 'transfer.html'}."
        )
    material = PageMaterial.of(run)
    sections = [
        result_section(material),
        precision_section(material),
        training_section(material),
        embedding_section(material),
        grid_section(material),
        next_section(material),
    ]
    write_text(path, shell(TITLE, SOURCE, list(filter(None, sections))))
