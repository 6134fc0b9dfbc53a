"""The run folder: what a command leaves behind, and what every later command reads."""

import json
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

import numpy as np

from tfapp.data import Frames, Framing, Split, noisy_set, open_dataset
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.models import REGRESSION_HEADS, TITLES, at_own_size, on_simplex, stride_of, with_probabilities
from tfapp.runs.record import RECORD, SEGMENTATION, read_run_record, versions

FORMAT = 1
MODEL = "model.keras"
TRAJECTORY = "trajectory"


class Run:
    """A training run in a folder.

    Layout: `run.json` (configuration, versions, seeds, data), `checkpoints/`, `history.csv`,
    `model.keras`, `metrics.json`, `figures/`, `landscape/`, and with `--trajectory` `trajectory/`.

    Attributes:
        path: The folder.
        record: The content of `run.json`.
    """

    def __init__(self, path, record):
        self.path = Path(path)
        self.record = record

    @classmethod
    def open(cls, path):
        """Open an existing run.

        Raises:
            InputError: If the folder is not such a run, or was written by a newer version.
        """
        return cls(path, read_run_record(path, SEGMENTATION, FORMAT))

    @classmethod
    def create(cls, path, command, config, dataset, split):
        """Write `run.json` of a new run and return the run."""
        record = {
            "format": FORMAT,
            "command": command,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "config": config,
            "data": {
                "spec": dataset.spec,
                "fingerprint": dataset.fingerprint(),
                "class_names": list(dataset.class_names),
                "channels": dataset.channels,
                "ignore_value": dataset.ignore_value,
                "split": split.to_json(),
            },
            "versions": versions(),
        }
        run = cls(path, record)
        run.save()
        return run

    def save(self):
        """Write `run.json`."""
        write_json(self.path / RECORD, self.record)

    @property
    def config(self):
        return self.record["config"]

    @property
    def class_names(self):
        return tuple(self.record["data"]["class_names"])

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
        return self.config["class_weights"]

    @property
    def has_tv_head(self):
        return self.config["head"] == "tv-softmax"

    @property
    def data_fingerprint(self):
        return self.record["data"]["fingerprint"]

    @property
    def split(self):
        return Split.from_json(self.record["data"]["split"])

    @property
    def framing(self):
        resize = self.config["resize"]
        return Framing(resize and tuple(resize), self.config["patch"], self.config["overlap"])

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
        derived = {"seed", "split_seed", "requested", "class_weights", "trajectory"}
        return {
            # A run that was not read from its file yet still has tuples.
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.config.items()
            if name not in derived and (self.has_tv_head or "tv_" not in name)
        }

    @cached_property
    def dataset(self):
        """The data that the run was trained on, found again where they were."""
        return open_dataset(self.record["data"]["spec"])

    def items(self, part):
        """Return the items of `train`, `validation` or `test`."""
        return self.dataset.select(getattr(self.split, part))

    def refuse_image_pairs(self, what):
        """Raise InputError if this run makes images: `what`, a command or an option, is for segmenters."""
        if self.image_pairs:
            raise InputError(
                f"{what} is for segmenters; {self.path} makes images of images: it can be evaluated, predicted with, "
                "and its landscape drawn."
            )

    def load_model(self):
        """Return the trained, compiled Keras model: network-sized images to probabilities.

        Trained with a regression head it gives that head's numbers, and of image pairs images.
        """
        import keras

        if not (self.path / MODEL).is_file():
            raise InputError(
                f"{self.path} has no {MODEL}: its training has not ended; run the same `tfapp train` again to go on."
            )
        try:
            return keras.models.load_model(self.path / MODEL)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"{self.path / MODEL} cannot be loaded ({error}); train again with --overwrite."
            ) from error

    def network(self, post_tv=None, *, gap=False):
        """Return a Keras model from network-sized images to probabilities; see `with_probabilities`.

        What a regression head gives is projected onto the simplex; of image pairs it is the image.
        """
        if self.config["head"] in REGRESSION_HEADS:
            return self._regressed_network(post_tv, gap)
        if post_tv is None and not gap:
            return self.load_model()
        return with_probabilities(self.load_model(), self.path, post_tv, gap=gap)

    def _regressed_network(self, post_tv, gap):
        if post_tv is not None or gap:
            raise InputError(
                f"--post-tv and --gap need logits, or a TV head; {self.path} was trained with --head "
                f"{self.config['head']}."
            )
        return self.load_model() if self.image_pairs else on_simplex(self.load_model())

    def segmenter(self, post_tv=None, *, gap=False):
        """Return the `network` for images of any size, with probabilities at each image's own size."""
        return at_own_size(self.network(post_tv, gap=gap), self.framing.resize)

    @cached_property
    def stride(self):
        return stride_of(self.load_model())

    def frames(self, part):
        """Return the `Frames` of `train`, with the noise that the training set has, `validation` or `test`."""
        noisy = self._noisy_set if part == "train" else None
        return Frames(self.dataset, self.items(part), self.framing, self.class_weights, noisy)

    @property
    def _noisy_set(self):
        # Runs from before this option have neither entry.
        text, share = (self.config.get(name) for name in ("train_noise", "noisy_share"))
        return noisy_set(self.split.train, text, share, self.config["split_seed"])

    def sample(self, part, count, seed):
        """Return (images, targets, weights) of `count` frames drawn without replacement.

        Shapes `(count, height, width, channels)` and `(count, height, width)` twice, targets of image pairs with
        channels; fewer if the part has fewer frames.
        """
        frames = self.frames(part)
        chosen = np.random.default_rng([seed, 0x5A]).permutation(len(frames))[:count]
        return frames.arrays(sorted(int(i) for i in chosen))

    def metrics(self):
        """Return the content of `metrics.json`, empty before the first evaluation."""
        file = self.path / "metrics.json"
        try:
            return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        except ValueError:
            raise InputError(
                f"{file} is damaged; remove it and run `tfapp evaluate {self.path}` again."
            ) from None
