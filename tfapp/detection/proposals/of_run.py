"""Proposals of a run: none where they are anchors or a network's, else those of a file or of selective search."""

from pathlib import Path

from tfapp.detection.proposals.files import read_proposals
from tfapp.detection.proposals.methods import SelectiveSearch
from tfapp.detection.proposals.proposed import Proposed
from tfapp.errors import InputError
from tfapp.files import content_hash
from tfapp.runs.progress import SILENT

# Where regions come from: a proposal network, all anchors, or selective search; anything else is a file of proposals.
RPN, ANCHORS, SELECTIVE_SEARCH = "rpn", "anchors", "selective-search"
FOLDER = "proposals"


def proposals_of(name, images, folder, *, min_side=20, progress=SILENT):
    """Return the proposals of images, float32 (count, 4) each by index; None where there are none beforehand.

    Args:
        name: `RPN`, `ANCHORS`, `SELECTIVE_SEARCH`, or the path of a file.
        images: `BoxedImages`.
        folder: Of the run, which keeps what selective search finds.
        min_side: Least side in pixels of a box of selective search.
        progress: `Progress` that shows the search, and is told of boxes that were left out.

    Raises:
        InputError: As `read_proposals` and `SelectiveSearch`, or an image that cannot be read.
    """
    if name in (RPN, ANCHORS):
        return None
    if name == SELECTIVE_SEARCH:
        found = Proposed(images, SelectiveSearch(min_side=min_side), Path(folder) / FOLDER)
        with progress.task("selective search", len(images)) as task:
            found.make_all(task)
        return found
    check_source(name)
    found, remarks = read_proposals(name, images)
    for remark in remarks:
        progress.say(remark.text)
    return found


def proposals_of_image(name, *, min_side=20):
    """Return a function of an image float32 (height, width, 3) to its proposals; None where they are not needed.

    Args:
        name, min_side: As for `proposals_of`.

    Raises:
        InputError: They come from a file, which has none for other images.
    """
    if name in (RPN, ANCHORS):
        return None
    if name == SELECTIVE_SEARCH:
        from tfapp.detection.proposals.selective_search import import_opencv, selective_search

        import_opencv()
        return lambda image: selective_search(image, min_side=min_side)
    raise InputError(
        f"The run was trained on the proposals of {name}, and other images have none there; train with `proposals` rpn "
        "or selective-search to find objects in any image."
    )


def check_source(name):
    """Raise InputError unless a text is a source of proposals: one of the words, or a file that is there."""
    words = (RPN, ANCHORS, SELECTIVE_SEARCH)
    if name in words:
        return
    if not name.lower().endswith((".mat", ".npz")):
        raise InputError(
            f"Unknown `proposals` {name!r}; expected {', '.join(words)}, or a .mat or .npz file."
        )
    if not Path(name).is_file():
        raise InputError(f"The proposals {name} do not exist; expected a .mat or .npz file of them.")


def fingerprint_of(name):
    """Return what tells the proposals of a file from others, the hash of its content; "" for other sources."""
    return "" if name in (RPN, ANCHORS, SELECTIVE_SEARCH) else content_hash(Path(name)).hex()
