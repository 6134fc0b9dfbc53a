"""Large images answered by a served model tile by tile: no request is larger than a tile."""

import time
from contextlib import closing
from pathlib import Path
from threading import Lock

import numpy as np

from tfapp.data.windows import mirrored_window, open_windows, size_of
from tfapp.errors import InputError
from tfapp.export.client.many import Job, Latencies, ask_all
from tfapp.export.manifest import read_manifest
from tfapp.export.versions import folder_of_served
from tfapp.models.tiling import TilingNeeds, by_tiles, checked_tiling, narrow_margin
from tfapp.runs.progress import SILENT
from tfapp.segmentation.served_images import (
    DEFAULT,
    UINT8,
    answer_digest,
    fail,
    write_answer,
)


class ServedTiles:
    """How images are cut for a served segmenter.

    Args:
        served: `tfapp.segmentation.served_images.ServedImages` of a signature that takes arrays.
        exported: Folder of the export that is served, or of its versions: it says what tiles need, a server does not.
            A version that a server tells must be there.
        side: Pixels along a side of the tiles, margins included; larger images are cut.
        margin: Pixels that tiles overlap what is used of them at each side; None for what the network needs.

    Raises:
        InputError: The signature takes files or has no labels; the export does not say what its tiles need; or a tile
            does not hold its margins.
    """

    def __init__(self, served, exported, side, margin=None):
        if served.takes_files or served.label_output != "labels":
            raise InputError(
                f"{served.signature.name} takes no parts of images, or answers no labels; with `tile` use the "
                f"`signature` {UINT8} or {DEFAULT}."
            )
        needs = tiling_needs(exported, served.client.served_version)
        chosen = needs.margin if margin is None else -(-margin // needs.stride) * needs.stride
        self.served, self._needs = served, needs
        self._tiling = checked_tiling(side, chosen, needs.stride)

    def cuts(self, file):
        """Return whether an image is cut; errors as of `tfapp.data.windows.size_of`."""
        return max(size_of(file)) > self._tiling.side

    def remark(self, files):
        """Return a sentence if labels of the images that are cut may differ from those of whole ones, or None."""
        if self._tiling.margin < self._needs.margin:
            return narrow_margin(self._tiling.margin, self._needs.margin)
        stride = self._needs.stride
        if self._needs.tv_head and any(side % stride for file in files for side in size_of(file)):
            return (
                f"Sides of images are no multiples of {stride} pixels, so that the total variation of tiles ends a "
                "little beyond the border of the image: labels next to that border may differ from those of the whole "
                "image."
            )
        return None

    def parts(self, file, source, lock):
        """Yield a `Job` for each tile of an image; it is about the pair of its `Span`s, of rows and of columns.

        Args:
            file: The image.
            source: Reader of its parts, as `open_windows` yields it.
            lock: Held while a part is read: jobs make their inputs in several threads.
        """
        height, width = source.size

        def inputs(rows, columns):
            with lock:
                part = mirrored_window(source, *rows.seen, *columns.seen)
            return {self.served.alias: self.served.array_of(file, part)}

        for rows in self._tiling.spans(height):
            for columns in self._tiling.spans(width):
                yield Job(
                    self.served.signature.name,
                    lambda rows=rows, columns=columns: inputs(rows, columns),
                    self.served.wanted,
                    (rows, columns),
                )

    def count(self, size):
        """Return how many tiles an image of (height, width) has."""
        return self._tiling.count(size)


def sorted_by_size(tiles, files, failures):
    """Return the images that are sent whole, and those that are cut; `tiles` is None where none is.

    One whose size cannot be read is among the failures, as of `answer_images`.
    """
    whole, cut = [], []
    for file in files:
        try:
            (cut if tiles is not None and tiles.cuts(file) else whole).append(file)
        except InputError as error:
            fail(file, error, failures)
    return whole, cut


def tiling_needs(exported, version=None):
    """Return the `TilingNeeds` that an export of this version tells; errors as of `ServedTiles`."""
    folder = folder_of_served(exported, version)
    manifest = read_manifest(folder)
    told = None if manifest is None else manifest["metadata"].get("tiling")
    try:
        return TilingNeeds(int(told["stride"]), int(told["margin"]), bool(told["tv_head"]))
    except (TypeError, KeyError, ValueError):
        raise InputError(
            f"{folder} does not say what tiles need: its network looks at all of an image, or it is no export of a "
            "segmenter by this version; export the run again, or send whole images."
        ) from None


def answer_by_tiles(
    tiles, files, out=None, *, concurrency=1, repeat=1, progress=SILENT, advance=lambda: None, failures=None
):
    """Have a server answer images tile by tile; each tile is a request. Only its labels are in memory as a whole.

    Args:
        tiles: `ServedTiles`.
        files: Paths, as from `tfapp.segmentation.prediction.find_images`.
        progress: `Progress` that the tiles of each image are reported to.
        out, concurrency, repeat, advance, failures: As of `tfapp.segmentation.served_images.answer_images`.

    Returns:
        As `answer_images`, errors too.
    """
    client = tiles.served.client
    latencies, differing, first = Latencies(), 0, {}
    retried, begun = client.retried, time.perf_counter()
    for file in [file for _ in range(repeat) for file in files]:
        try:
            labels = _labels(tiles, file, concurrency, progress, latencies)
        except ValueError as error:  # InputError of a file, ExportError of a request or an answer
            fail(file, error, failures)
        else:
            latencies.images += 1
            digest = answer_digest(labels)
            if file not in first and out is not None:
                write_answer(labels, Path(out) / f"{file.stem}{tiles.served.suffix}")
            differing += first.setdefault(file, digest) != digest
        advance()
    latencies.wall, latencies.retried = time.perf_counter() - begun, client.retried - retried
    return latencies, differing


def _labels(tiles, file, concurrency, progress, latencies):
    with (
        open_windows(file, tiles.served.channels) as source,
        by_tiles(progress, file.name, tiles.count(source.size)) as task,
    ):
        labels, failed = np.zeros(source.size, np.uint8), None
        jobs = tiles.parts(file, source, Lock())
        answers = ask_all(tiles.served.client, lambda: None if failed else next(jobs, None), concurrency)
        with closing(answers):
            for done in answers:
                if done.error is not None:
                    failed = failed or done.error
                    latencies.failed += 1
                    continue
                rows, columns = done.job.about
                [answer] = done.outputs["labels"]
                if answer.shape != (rows.seen[1] - rows.seen[0], columns.seen[1] - columns.seen[0]):
                    raise InputError(
                        f"The server answered a tile of {file} by labels of another size, {answer.shape}."
                    )
                if answer.max(initial=0) > np.iinfo(labels.dtype).max:
                    labels = labels.astype(np.uint16)
                labels[slice(*rows.used), slice(*columns.used)] = answer[rows.parts()[0], columns.parts()[0]]
                latencies.seconds.append(done.seconds)
                task.advance()
    if failed is not None:
        raise failed
    return labels
