"""Run folder of a segmenter, or of a network from images to images."""

import os
from functools import cached_property, partial

import numpy as np

from tfapp.claims import claimed_file
from tfapp.data import Frames, Framing, Split, noisy_set, open_dataset
from tfapp.data.cropping import MIRRORED
from tfapp.data.frames import MEMORY_BYTES
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.models import REGRESSION_HEADS, TITLES, at_own_size, on_simplex, stride_of, with_probabilities
from tfapp.records import (
    Entries,
    ListOf,
    Number,
    OneOf,
    Optional,
    TableOf,
    Text,
    Whole,
    entries_of,
    read_record,
)
from tfapp.runs import run as runs
from tfapp.runs.progress import SILENT
from tfapp.runs.record import SEGMENTATION
from tfapp.segmentation.building import initial_model
from tfapp.segmentation.changed_data import warn_of_changes
from tfapp.segmentation.coding import TrainingData, refuse_other_coding
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.exporting import export_segmenter
from tfapp.segmentation.stored_config import check_stored, stored_config
from tfapp.segmentation.tested_images import warn_of_training_images
from tfapp.segmentation.tv_options import RELU_OPTIONS

MODEL = "model.keras"
TRAJECTORY = "trajectory"
_NAMES = ListOf(Text())
# Options that are younger than the first run folders need not be there.
_ENTRIES = Entries(
    {
        "command": Text(),
        "config": entries_of(
            TrainConfig,
            ("model", "head", "resize", "patch", "overlap", "seed", "split_seed", "epochs"),
            requested=TableOf(),
            class_weights=Optional(ListOf(Number(0))),
            images_together=Optional(Whole(1)),
        ),
        "data": Entries(
            {
                "spec": Text(),
                "fingerprint": Text(),
                "class_names": _NAMES,
                "channels": OneOf((1, 3)),
                "split": Entries({name: _NAMES for name in ("train", "validation", "test")}),
            },
            {
                "ignore_value": Optional(Whole()),
                "content": Text(),
                "images": TableOf(Text()),
                "truths": TableOf(Text()),
                "colours": Optional(ListOf(ListOf(Whole(), 3))),
                "coding": Entries({"classes": ListOf(ListOf(count=2))}, {"ignored": ListOf()}),
            },
        ),
    }
)


class Run(runs.Run):
    """A segmenter in a folder.

    Layout: `run.json` (configuration, versions, seeds, data), `checkpoints/`, `history.csv`,
    `model.keras`, `metrics.json`, `figures/`, `landscape/`, and where it was recorded `trajectory/`.
    """

    kind = SEGMENTATION
    holds = "a segmenter"
    model_file = MODEL
    entries = _ENTRIES

    def check_record(self):
        """Raise InputError for an option that is out of range, or class weights of other classes."""
        check_stored(self.config)
        weights = self.config.get("class_weights")
        if weights is not None and len(weights) != len(self.class_names):
            raise InputError(f"it has {len(weights)} class weights for {len(self.class_names)} classes.")

    @property
    def config(self):
        return self.record["config"]

    @property
    def class_names(self):
        return tuple(self.record["data"]["class_names"])

    @property
    def class_colours(self):
        """The colour of each class, (red, green, blue), as masks showed it in the training, or None."""
        data = self.record["data"]
        # Runs from before they were kept have those of masks that count by colour, in the coding.
        found = data.get("colours") or (
            [value for _, value in data["coding"]["classes"]] if self.counts_by_colour else []
        )
        return tuple(map(tuple, found)) if len(found) == len(self.class_names) else None

    @property
    def counts_by_colour(self):
        """Whether the masks that it was trained on count by their colours."""
        coding = self.record["data"].get("coding") or {}
        return any(isinstance(value, (list, tuple)) for _, value in coding.get("classes", ()))

    @property
    def channels(self):
        return self.record["data"]["channels"]

    @property
    def image_pairs(self):
        """Whether it makes images of images, and no label maps."""
        return not self.class_names

    @property
    def loss(self):
        """`cross-entropy` or `mse`."""
        # Runs from before this option have no entry.
        return self.config.get("loss", "cross-entropy")

    @property
    def class_weights(self):
        """One loss weight per class, or None."""
        return self.config.get("class_weights")

    @property
    def images_together(self):
        """Of how many images the training shuffles the frames with each other at a time; None for all."""
        # Runs from before this entry shuffle all of them.
        return self.config.get("images_together")

    @property
    def has_tv_head(self):
        return self.config["head"] == "tv-softmax"

    @property
    def data_fingerprint(self):
        return self.record["data"]["fingerprint"]

    @property
    def content_fingerprint(self):
        """Hash of the files alone; the `data_fingerprint` also covers what the masks mean."""
        # Runs from before the coding counted have one hash, that of the files.
        return self.record["data"].get("content", self.data_fingerprint)

    @property
    def trained_on(self):
        """The `TrainingData`: runs of other data are no seeds of one training."""
        data = self.record["data"]
        return TrainingData(data["spec"], self.content_fingerprint, data.get("coding"))

    @property
    def split(self):
        return Split.from_json(self.record["data"]["split"])

    @property
    def framing(self):
        # Runs from before crops have no entry of them.
        resize, crop = (sides and tuple(sides) for sides in map(self.config.get, ("resize", "crop")))
        border = self.config.get("crop_border", MIRRORED)
        return Framing(resize, self.config["patch"], self.config["overlap"], crop, border)

    @property
    def title(self):
        """The model's name as the papers write it: RUnet is U-Net with the TV softmax."""
        plain = TITLES.get(self.config["model"], self.config["model"])
        return f"R{plain}" if self.has_tv_head else plain

    @property
    def settings(self):
        """What decides the training, seeds aside, as stored: runs that differ in none of it may be averaged.

        Of a run without a TV head, what concerns that head is left out.
        """
        # Runs from before this option have no entry of it.
        in_relu = RELU_OPTIONS if self.config.get("tv_relu") else ()
        derived = {"seed", "split_seed", "requested", "class_weights", "images_together", "trajectory"}
        return {
            # A run that was not read from its file yet still has tuples.
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.config.items()
            if name not in derived and (self.has_tv_head or "tv_" not in name or name in in_relu)
        }

    @cached_property
    def dataset(self):
        """The data that the run was trained on, found again where they were."""
        dataset = open_dataset(self.record["data"]["spec"])
        refuse_other_coding(self, dataset)
        return dataset

    def take_compared(self, dataset):
        """Use data that were opened and compared with the record already."""
        self.dataset = dataset
        self._compared.update(("train", "validation", "test"))

    def items(self, split, names=None):
        """Return the items of `train`, `validation` or `test`, or those of them that are named.

        The first time it warns of files that changed since the training, and of test images that are training images.
        """
        items = self.dataset.select(getattr(self.split, split) if names is None else names)
        if split not in self._compared:
            # Before the warnings, which may be errors: what is asked for again is not told again.
            self._compared.add(split)
            warn_of_changes(self, split, items)
            if split == "test":
                warn_of_training_images(self, self.dataset, items)
        return items

    @cached_property
    def _compared(self):
        return set()

    def refuse_image_pairs(self, what):
        """Raise InputError if this run makes images: `what`, a command or an option, is for segmenters."""
        if self.image_pairs:
            raise InputError(
                f"{what} is for segmenters; {self.path} makes images of images: it can be evaluated, predicted with, "
                "and its landscape drawn."
            )

    def network(self, post_tv=None, *, gap=False):
        """Return a Keras model from network-sized images to probabilities; see `with_probabilities`.

        `load_model` gives what was trained: of a regression head its own numbers, which are projected onto the simplex
        here; of image pairs it is the image.
        """
        if self.config["head"] in REGRESSION_HEADS:
            return self._regressed_network(post_tv, gap)
        if post_tv is None and not gap:
            return self.load_model()
        return with_probabilities(self.load_model(), self.path, post_tv, gap=gap)

    def _regressed_network(self, post_tv, gap):
        if post_tv is not None or gap:
            raise InputError(
                f"`post_tv` and `gap` need logits, or a TV head; {self.path} was trained with `head` "
                f"{self.config['head']}."
            )
        return self.load_model() if self.image_pairs else on_simplex(self.load_model())

    def segmenter(self, post_tv=None, *, gap=False):
        """Return the `network` for images of any size, with probabilities at each image's own size."""
        return at_own_size(self.network(post_tv, gap=gap), self.framing.resize)

    @cached_property
    def stride(self):
        return stride_of(self.load_model())

    def frames(self, split, memory=MEMORY_BYTES, cache=None):
        """Return the `Frames` of `train`, with the noise that the training set has, `validation` or `test`.

        Args:
            split: One of these.
            memory, cache: Bytes of decoded images, and the folder of them, that they keep.
        """
        noisy = self._noisy_set if split == "train" else None
        return Frames(self.dataset, self.items(split), self.framing, self.class_weights, noisy, memory, cache)

    @property
    def _noisy_set(self):
        # Runs from before this option have neither entry.
        text, share = (self.config.get(name) for name in ("train_noise", "noisy_share"))
        return noisy_set(self.split.train, text, share, self.config["split_seed"])

    def sample(self, split, count, seed):
        """Return (images, targets, weights) of `count` frames drawn without replacement.

        Shapes `(count, height, width, channels)` and `(count, height, width)` twice, targets of image pairs with
        channels; fewer if the split has fewer frames.
        """
        frames = self.frames(split)
        chosen = np.random.default_rng([seed, 0x5A]).permutation(len(frames))[:count]
        return frames.arrays(sorted(int(i) for i in chosen))

    def metrics(self):
        """Return the content of `metrics.json`, empty before the first evaluation."""
        file = self.path / "metrics.json"
        again = f"remove it and run `tfapp evaluate {self.typed_path}` again."
        return read_record(file, TableOf(), again) if os.path.lexists(file) else {}

    def _current_metrics(self):
        """Return the metrics that are of the run as it is now, as far as they tell."""
        found = self.metrics()
        return {
            title: content
            for title, content in found.items()
            if not isinstance(content, dict) or self.is_current(content.get("weights"))
        }

    def add_metrics(self, title, content):
        """Put an evaluation into `metrics.json` under its title, in place of an earlier one; the others stay."""
        file = self.path / "metrics.json"
        # Between reading and writing another process would put in its own, and lose it.
        with claimed_file(file, waiting=SILENT.say):
            write_json(file, {**self.metrics(), title: content})

    def refuse_segmenter_options(self, options):
        """Refuse none of `options`: they are for segmenters."""

    def solution(self, *, trajectory=False, bfloat16=False, held_out=False):
        """Return the `Solution` that a landscape is drawn around; its loss is that of training frames."""
        if held_out:
            raise InputError(
                f"`held_out` is for runs of `tfapp pose train`; {self.path} is none, leave the option out."
            )
        return runs.Solution(
            self.path,
            self.title,
            self.load_model,
            partial(self.sample, "train"),
            trajectory=self.path / TRAJECTORY,
            initial=self.initial_model,
        )

    def initial_model(self):
        """Return the compiled network at the weights that its training began with, built anew from its seed."""
        return initial_model(stored_config(self.config), self.dataset)

    def export(self, base_dir, version=None, *, post_tv=None, gap=False, classes=None, **serving):
        """Write `base_dir/<version>` for TensorFlow Serving, and return that folder.

        Args:
            base_dir, version: As of every run.
            post_tv: Weight of converged total variation behind the logits, or None.
            gap: Whether to serve the duality gap too.
            classes: None: the run has the names of its classes.
            serving: `max_pixels` and `status` of `tfapp.export.export`.
        """
        self.refuse_image_pairs("tfapp export")
        if classes is not None:
            raise InputError(f"`classes` is for .keras files; {self.path} has the names of its classes.")
        facts = {
            "run": self.path.name,
            "config": self.config,
            "metrics": self._current_metrics(),
            "data_fingerprint": self.data_fingerprint,
        }
        return export_segmenter(
            self, base_dir, version, self.class_names, post_tv=post_tv, gap=gap, facts=facts, **serving
        )
