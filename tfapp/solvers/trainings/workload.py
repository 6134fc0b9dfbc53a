"""Workload that every solver is given alike: images, network, initial weights, order of the batches."""

from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache

import keras
import numpy as np

from tfapp.data import batch_stream, batches, open_classification
from tfapp.errors import InputError
from tfapp.models import TanhSquaredError, build_classifier
from tfapp.models.classifiers import tanh_squared_error
from tfapp.optimizers import ALIG, BPGrad, with_rate_factors
from tfapp.optimizers.rate_factors import unknown_ends

VALIDATION_SHARE = 0.1
# MatConvNet's networks start from weights that are made for pixels up to 255 less the mean image.
_WITH_PIXELS = ("lenet-mnist", "lenet-cifar10")
_LATER = ("loss_alone", "rate_factors", "loss", "batch_norm")
LOSSES = ("cross-entropy", "tanh-mse")


@dataclass(frozen=True)
class Workload:
    """Images and a network to train on them.

    Attributes:
        data: What names the images on the command line, such as `mnist:PATH`.
        model: One of `tfapp.models.CLASSIFIERS`.
        batch_size: Images per batch.
        weight_decay: The objective is cross-entropy + weight_decay / 2 * |w|^2, the same for every solver.
        train_images: How many of the training images to use, the first ones, or None for all.
        size: Side to resize the images to, or None.
        augment: One of `tfapp.data.AUGMENTATIONS`.
        loss_alone: Whether the objective that is told is the cross-entropy without the decay of the weights, as
            MatConvNet tells it.
        rate_factors: Factors of the learning rate by variable, such as `kernel=0.1,bias=2`, for
            `tfapp.optimizers.with_rate_factors`; of solvers that have them, which BPGrad and ALI-G do not.
        loss: What is minimised beside the decay: one of `LOSSES`, `tanh-mse` being
            `tfapp.models.TanhSquaredError`; "" for the first.
        holds_out: Whether the last tenth of the training images takes the place of the test images: for
            choosing parameters, which must not see these.
        batch_norm: Whether the network has batch normalisation, as for `build_classifier`; None for what is its own.
    """

    data: str
    model: str
    batch_size: int = 100
    weight_decay: float = 0.0005
    train_images: int | None = None
    size: int | None = None
    augment: str = "none"
    holds_out: bool = False
    loss_alone: bool = False
    rate_factors: str = ""
    loss: str = ""
    batch_norm: bool | None = None

    def for_choosing(self):
        """Return the same workload with validation images in place of test images."""
        return replace(self, holds_out=True)

    def to_json(self):
        # Folders of before have no word of what was added since.
        defaults = {field.name: field.default for field in fields(self)}
        given = asdict(self).items()
        return {name: value for name, value in given if name not in _LATER or value != defaults[name]}

    def splits(self):
        """Return the images to train on and those to test on.

        Raises:
            InputError: For data that cannot be read, or fewer training images than asked for.
        """
        return _splits(self)

    def objective(self):
        """Return the loss that the network is trained on; weight decay is part of the network."""
        return TanhSquaredError() if self.loss == "tanh-mse" else objective()

    def loss_metric(self, name):
        """Return the same as a metric, which leaves out the decay."""
        if self.loss == "tanh-mse":
            return keras.metrics.MeanMetricWrapper(tanh_squared_error, name=name)
        return keras.metrics.SparseCategoricalCrossentropy(name=name, from_logits=True)

    def build_for(self, solver, seed):
        """Return the network for a solver, which gets the decay of the weights if it wants it in the gradient alone.

        Args:
            solver: Keras optimizer.
            seed: As for `build`.
        """
        if getattr(solver, "decays_loss", True):
            return self.build(seed)
        solver.weight_decay = self.weight_decay
        return replace(self, weight_decay=0.0).build(seed)

    def check_factors(self, model):
        """Raise InputError for factors of the learning rate that are none, or of variables that a model does not have.

        Args:
            model: Keras model.
        """
        paths = [variable.path for variable in model.trainable_variables]
        unknown = unknown_ends(paths, parse_factors(self.rate_factors) if self.rate_factors else {})
        if unknown:
            ends = ", ".join(path.partition("/")[2] or path for path in paths)
            raise InputError(
                f"`rate_factors` names {unknown[0]}, and no variable of {self.model} ends so: {ends}."
            )

    def factored(self, solver):
        """Return a solver with the factors of the learning rate, if there are any and it can have them."""
        if not self.rate_factors or isinstance(solver, (BPGrad, ALIG)):
            return solver
        return with_rate_factors(solver, parse_factors(self.rate_factors))

    def build(self, seed):
        """Return the network with the initial weights of this seed; mean colours of the images go to 0."""
        images = _opened(self.data)
        shape = images.image_shape if self.size is None else (self.size, self.size, images.image_shape[-1])
        if None in shape:
            raise InputError(f"The images of {self.data} have many sizes; say one with `size`.")
        options = {
            "seed": seed,
            "weight_decay": self.weight_decay,
            "image_mean": _mean(self.data, self.model),
            "batch_norm": self.batch_norm,
        }
        if self.model in _WITH_PIXELS:
            options["image_scale"] = 255.0
        return build_classifier(self.model, images.num_classes, shape, **options)

    def training_batches(self, seed, first_epoch):
        """Return the batches of all epochs from this one on, and their number per epoch."""
        train, _ = self.splits()
        options = {"size": self.size, "augment": self.augment}
        stream = batch_stream(train, self.batch_size, seed, first_epoch, **options)
        return stream, -(-len(train) // self.batch_size)

    def test_batches(self):
        """Return the batches to test on."""
        return batches(self.splits()[1], 500, size=self.size)


def parse_factors(text):
    """Return the factors by ends of variables' paths that a text means.

    Args:
        text: Such as `kernel=0.1,bias=2,scores/bias=0.2`.

    Raises:
        InputError: For a text of another form, or a factor below 0.
    """
    factors = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        if name in factors:
            raise InputError(f"`rate_factors` has {name} twice; give each end of a path one factor.")
        try:
            factors[name] = float(number)
            if not (name and 0 <= factors[name] < float("inf")):
                raise ValueError("no end of a path with a factor")
        except ValueError:
            raise InputError(
                f"`rate_factors` has {part!r}; expected ends of variables' paths and numbers of at least 0, such as "
                "kernel=0.1,bias=2."
            ) from None
    return factors


@lru_cache(maxsize=2)
def _opened(spec):
    return open_classification(spec)


@lru_cache(maxsize=2)
def _splits(workload):
    # Selecting copies the images, and every epoch asks for them.
    images = _opened(workload.data)
    train, test = images.train, images.test
    if workload.train_images is not None:
        if not 0 < workload.train_images <= len(train):
            raise InputError(
                f"{workload.data} has {len(train)} training images; got `train_images` {workload.train_images}."
            )
        train = train.select(np.arange(workload.train_images))
    if workload.holds_out:
        first = len(train) - max(1, int(VALIDATION_SHARE * len(train)))
        train, test = train.select(np.arange(first)), train.select(np.arange(first, len(train)))
    return train, test


@lru_cache(maxsize=2)
def _mean(spec, model):
    """Return what the network subtracts: the mean image or the mean colours; grey for images in files."""
    train = _opened(spec).train
    if not hasattr(train, "mean_image"):
        return 0.5
    image = train.mean_image()
    return image if model in _WITH_PIXELS else image.mean((0, 1)).tolist()


def objective():
    """Return the cross-entropy, the loss that classifiers train on; weight decay is part of the network."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
