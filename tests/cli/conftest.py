import pytest

from tests.transfer.small_images import write_backbone, write_folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with images of several labels, `images/`, and a backbone for them, `small.keras`."""
    root = tmp_path_factory.mktemp("transfer")
    write_folder(root / "images")
    write_backbone(root / "small.keras")
    return root
