"""The run folder of a detector."""

from dataclasses import replace
from functools import partial

import numpy as np

from tfapp.data import open_boxes
from tfapp.data.boxed import BoxedImages
from tfapp.detection import losses
from tfapp.detection.batches import Sampler, ordered_batches
from tfapp.detection.config import DetectionConfig
from tfapp.detection.detector import Detector, Rules, assemble
from tfapp.detection.proposals.anchors import anchor_shapes, anchors_of_cells
from tfapp.detection.proposals.of_run import RPN, fingerprint_of, proposals_of
from tfapp.detection.sampling import OffsetScale
from tfapp.errors import InputError
from tfapp.records import Entries, ListOf, Moment, Number, Text, Whole, entries_of
from tfapp.runs.progress import SILENT
from tfapp.runs.record import DETECTION, RECORD
from tfapp.runs.run import Run, Solution

# Loading a model looks its losses up by name.
LOSSES = losses.losses_of
_OFFSETS = ListOf(ListOf(Number(), 4))
_NAMES = ListOf(Text())
_ENTRIES = Entries(
    {
        "command": Text(),
        "created": Moment(),
        "config": replace(entries_of(DetectionConfig, needed=("backbone",)), closed=True),
        "data": Entries(
            {
                "spec": Text(),
                "fingerprint": Text(),
                "class_names": _NAMES,
                "split": Entries({"train": _NAMES, "validation": _NAMES, "test": _NAMES}),
            }
        ),
        "stride": Whole(1),
        "proposals": Text(),
    },
    # Measured when there are proposals, which a run keeps from its beginning on.
    {"offset_scale": Entries({"means": _OFFSETS, "deviations": _OFFSETS})},
)


class DetectionRun(Run):
    """A detector in a folder: `run.json`, `history.csv`, checkpoints, `model.keras`."""

    kind = DETECTION
    holds = "a detector"
    entries = _ENTRIES

    def check_record(self):
        """Raise InputError for an option that is out of range, or offsets of other classes."""
        self.config.check()
        scale = self.record.get("offset_scale", {})
        for name, rows in scale.items():
            if len(rows) != len(self.class_names):
                raise InputError(
                    f'{self.path / RECORD} is damaged: "offset_scale.{name}" has {len(rows)} rows, expected one for '
                    f"each of {len(self.class_names)} classes; restore it, or train again."
                )

    @property
    def config(self):
        """The `DetectionConfig`."""
        stored = self.record["config"]
        lists = {name: tuple(value) for name, value in stored.items() if isinstance(value, list)}
        return DetectionConfig(**{**stored, **lists})

    @property
    def class_names(self):
        return self.record["data"]["class_names"]

    @property
    def title(self):
        """What was learned, for pictures."""
        return f"{'Faster' if self.config.proposals == RPN else 'Fast'} R-CNN, {self.config.solver}"

    @property
    def offset_scale(self):
        """The `OffsetScale`.

        Raises:
            InputError: The run ended before it was measured.
        """
        if "offset_scale" not in self.record:
            raise InputError(
                f"The training of {self.path} has not begun; resume it: {self.record['command']}"
            )
        return OffsetScale.from_json(self.record["offset_scale"])

    def data(self):
        """Return the `BoxedSet` that it was trained on.

        Raises:
            InputError: It is gone, or has changed.
        """
        return self.reopened(open_boxes, "images or boxes")

    def images(self, split, data=None):
        """Return the `BoxedImages` of a split.

        Args:
            split: `train`, `validation` or `test`.
            data: What `data` returns, or None to open it.
        """
        data = self.data() if data is None else data
        by_name = {image.name: image for part in data.splits for image in part}
        names = self.record["data"]["split"][split]
        unknown = next((name for name in names if name not in by_name), None)
        if unknown is not None or (not names and split != "validation"):
            found = "no image" if unknown is None else f"the image {unknown!r}, which the data do not have"
            raise InputError(
                f"{self.path / RECORD} is damaged: its list {split} has {found}; restore it, or train again."
            )
        return BoxedImages(tuple(by_name[name] for name in names))

    def proposals(self, images, progress=SILENT):
        """Return the proposals of images of its data; arguments and errors as of `proposals_of`.

        Raises:
            InputError: Their file is not the one that it was trained with.
        """
        config = self.config
        if self.record["proposals"] != fingerprint_of(config.proposals):
            raise InputError(
                f"{config.proposals} has other proposals than when {self.path} was begun; restore it, or train again."
            )
        return proposals_of(config.proposals, images, self.path, min_side=config.min_side, progress=progress)

    def sampler(self, images, proposals=None, augmented=False):
        """Return the `Sampler` of images of this run; arguments as of `sampler_of`."""
        return sampler_of(self.config, self.record["stride"], images, proposals, augmented, self.offset_scale)

    def detector(self, rules=None):
        """Return the trained `Detector`.

        Args:
            rules: `Rules`; None for the usual ones.

        Raises:
            InputError: As `load_model`.
        """
        rules = rules or Rules()
        rules.check()
        return Detector(
            assemble(self.load_model(), self.config, self.record["stride"], self.offset_scale, rules)
        )

    def export(self, base_dir, version=None, *, post_tv=None, gap=False, classes=None, **serving):
        """Write the detector for TensorFlow Serving, and return the version folder.

        Raises:
            InputError, ExportError: As `tfapp.detection.exporting.export_run`.
        """
        from tfapp.detection.exporting import export_run

        self.refuse_segmenter_options({"`post_tv`": post_tv is not None, "`gap`": gap, "`classes`": classes})
        return export_run(self, base_dir, version, **serving)

    @property
    def export_remarks(self):
        from tfapp.detection.exporting import rules_sentence

        return (rules_sentence(self),)

    def solution(self, *, trajectory=False, bfloat16=False, held_out=False):
        """Return the `Solution` that a landscape is drawn around; its loss is that of regions of training images."""
        if held_out:
            raise InputError(
                f"`held_out` is for runs of `tfapp pose train`; {self.path} is none, leave the option out."
            )
        return Solution(self.path, self.title, self.load_model, partial(_sample, self))


def _sample(run, count, seed):
    images = run.images("train")
    if not 1 <= count <= len(images):
        raise InputError(
            f"{run.path} has {len(images)} training images; expected a sample of 1 to as many, got {count}."
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:count])
    sampler = run.sampler(images, run.proposals(images))
    return (ordered_batches(sampler, run.config.batch_size, seed, chosen),)


def sampler_of(config, stride, images, proposals=None, augmented=False, offset_scale=None):
    """Return the `Sampler` of images.

    Args:
        config: `DetectionConfig`.
        stride: Of the backbone.
        images: `BoxedImages`.
        proposals: Function of an index to the proposals of that image; None where they are anchors or a network's.
        augmented: Whether images are changed as in training.
        offset_scale: `OffsetScale`, or None.
    """
    anchors = None
    if config.has_anchors:
        shapes = anchor_shapes(config.anchor_sizes, config.anchor_ratios)
        anchors = partial(anchors_of_cells, stride=stride, shapes=shapes)
    augmentation = config.augmentation() if augmented else type(config.augmentation())()
    return Sampler(
        images,
        config.shorter_side,
        config.longer_side,
        stride,
        config.regions,
        config.foreground,
        config.low,
        proposals,
        anchors,
        config.proposals == RPN,
        augmentation,
        offset_scale,
    )


def anchors_of(config):
    """Return how many anchors a proposal network has at each place; 0 without one."""
    return len(config.anchor_sizes) * len(config.anchor_ratios) if config.proposals == RPN else 0
