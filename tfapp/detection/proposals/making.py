"""Proposals for all images of a dataset: made, judged by their recall, and written to one file."""

from pathlib import Path

from tfapp.detection.proposals.files import check_name, write_proposals
from tfapp.detection.proposals.proposed import Proposed
from tfapp.detection.proposals.recall import recall_of, recall_table
from tfapp.errors import InputError
from tfapp.files import check_outputs
from tfapp.runs.progress import SILENT


def make_proposals(data, method, out, cache=None, *, threads=None, progress=SILENT):
    """Write the proposals for all images of a dataset to an `.npz` file; killed and called again, it goes on.

    Args:
        data: `BoxedSet`.
        method: `SelectiveSearch`, or another of `METHODS`.
        out: The file; one that is there is replaced.
        cache: Folder that keeps proposals for later; by default one beside `out`, `OUT-cache`, which is removed in the
            end.
        threads: Images at the same time; by default one for each core.
        progress: `tfapp.runs.progress.Progress`, which is given the table of recall of each split.

    Returns:
        The `Recall` of each of the splits.

    Raises:
        InputError: A file name that is not `.npz`, or that is an image of the data; a `cache` that is no folder or has
            images of the data; an image that cannot be read.
    """
    out = Path(out)
    check_name(out)
    if threads is not None and threads < 1:
        raise InputError(f"`threads` must be at least 1; got {threads}.")
    images = [image for split in data.splits for image in split]
    check_outputs([(out, "the proposals")], [image.file for image in images])
    own = out.with_name(f"{out.name}-cache")
    found = Proposed(images, method, own if cache is None else cache)
    with progress.task("proposals", len(images)) as task:
        found.make_all(task, threads)
    recalls, begin = [], 0
    for name, split in zip(("training", "testing"), data.splits, strict=False):
        part = (found[place] for place in range(begin, begin + len(split)))
        recalls.append(recall_of((image.boxes for image in split), part, data.num_classes))
        title = f"{method.name}, {len(split)} images for {name}"
        progress.table(recall_table(recalls[-1], data.class_names, title))
        begin += len(split)
    write_proposals(out, [image.name for image in images], found)
    if cache is None:
        found.remove()
    return recalls
