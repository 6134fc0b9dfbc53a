"""Settings of a training run."""

import math
import shlex
from dataclasses import dataclass, fields, replace
from inspect import signature

from tfapp.data import AUGMENTATIONS, parse_mix
from tfapp.data.augmentation import parse_augmentation
from tfapp.data.cropping import CROP_BORDERS, MIRRORED
from tfapp.data.framing import CROP_OR_PATCH
from tfapp.data.noise import DEFAULT_SHARE
from tfapp.data.streams import NO_CROP, check_colours
from tfapp.errors import InputError, either
from tfapp.layers import TVSoftmax
from tfapp.layers.tv.solver import METHODS as TV_METHODS
from tfapp.models import MODELS, REGRESSION_HEADS
from tfapp.optimizers import ALIG, BPGrad, EpochRates, Eve, make_solver
from tfapp.optimizers.catalogue import read_setting
from tfapp.runs.precision import PRECISIONS
from tfapp.runs.rates import parse_schedule
from tfapp.segmentation.architecture import check_architecture
from tfapp.segmentation.tv_options import check_classes, check_tv, completed_texts

# Optimizers of tfapp; all other names are Keras's.
OWN_OPTIMIZERS = {"bpgrad": BPGrad, "alig": ALIG, "eve": Eve}
LOSSES = ("cross-entropy", "mse")
OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "lion", *OWN_OPTIMIZERS)
# Of BPGrad the learning rate is a factor of the step that it finds, of ALI-G the longest step.
LEARNING_RATES = {"bpgrad": 1.0, "alig": 0.1}
MOMENTUM = {"sgd": 0.0, "bpgrad": 0.9, "alig": 0.9}
TV_GRADIENTS = ("implicit", "jacobian-free", "unrolled", "one-step")
TV_WEIGHT_FORMS = ("softplus", "direct")
# What `solver` takes the place of.
_OF_OPTIMIZER = ("optimizer", "learning_rate", "momentum", "lipschitz", "schedule")
# Which epoch's model a training ends with, and the column of the history whose smallest number decides it.
KEPT = {"last": None, "training-loss": "loss", "validation-loss": "val_loss"}
WEIGHTINGS = ("none", "balanced", "median-frequency")
CHOICES = {
    "model": tuple(MODELS),
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "keep": tuple(KEPT),
    "class_weighting": WEIGHTINGS,
    "crop_border": CROP_BORDERS,
    "tv_gradient": TV_GRADIENTS,
    "tv_method": TV_METHODS,
    "tv_weight_form": TV_WEIGHT_FORMS,
    "precision": PRECISIONS,
}
# Of an augmentation the symmetry may be left to the shape of the frames.
SYMMETRIES = ("auto", *AUGMENTATIONS)
LARGEST_SIDE = 16_384
_POSITIVE = (
    "epochs",
    "until_loss",
    "batch_size",
    "base_width",
    "depth",
    "learning_rate",
    "tv_weight",
    "tv_step",
    "tv_iterations",
    "tv_inference_iterations",
    "tv_tolerance",
    "tv_edge_contrast",
    "tv_weight_rate",
    "tv_temperature",
    "tv_relu_weight",
)


@dataclass(frozen=True)
class TrainConfig:
    """The options of `tfapp train`, under the same names.

    None leaves depth, dropout and batch normalisation to the model, learning rate and momentum to the optimizer, and
    the iterations at inference to the head or to the run that resumes. `lipschitz` is a number, or `auto`, as text.

    The loss `cross-entropy` needs a head that gives probabilities, `softmax` or `tv-softmax`. The loss `mse` takes
    any head: it is the squared distance of what comes out, probabilities or the free numbers of `sigmoid` and
    `identity`, from the one-hot map of the labels. Image pairs are learned by `mse` with `sigmoid` or `identity`.

    `solver` takes the place of `optimizer`, `learning_rate`, `momentum` and `lipschitz`: a text that
    `tfapp.optimizers.catalogue.read_setting` reads, such as `adam=0.0001:beta_1=0.99` or
    `sgd-momentum=0.001/0.0001@21`.

    `schedule` is a text that `tfapp.optimizers.RateSchedule` reads: what becomes of `learning_rate` along the training.

    `weight_decay` and `l1_penalty` are coefficients of half the sum of squares and of the sum of absolute values of the
    kernels, which are added to the loss.

    `precision` is the dtype policy of Keras that the network is made under; `float32` leaves the one that is set. Heads
    compute in float32.

    `augment` is a list with commas, as `tfapp.data.augmentation.parse_augmentation` reads it; the symmetry of it may be
    `auto`. `crop` and `resize` are (height, width); images are resized first. `crop_border` is what lies around
    images that are smaller than the crop.

    `modules` and `widths` are lists with commas of whole numbers, by level from the image down, as `res_unet` takes
    them; `equal_parameters` gives FCN-16s, -8s and -4s the number of parameters that U-Net has.

    `tv_weight_bounds` and `tv_volumes` are texts, as `parse_bounds` and `parse_shares` of
    `tfapp.segmentation.tv_options` read them. Of options of a TV head nothing is made with another head.

    `keep` is whose model the run ends with: that of the `last` epoch, or of the one with the smallest `training-loss`
    or `validation-loss`. `validate_on_test` watches the test images after each epoch, in place of images for
    validation: what is then chosen by that loss is chosen by the images that it is tested on.

    `label_image` has the network give one image whose values are the labels, in place of a channel for each class:
    data of two classes, `mse` and a head of free numbers.

    `trajectory` is the number of epochs between two records of the weights, which `tfapp.landscape` draws planes of.
    """

    model: str = "unet"
    head: str = "tv-softmax"
    loss: str = "cross-entropy"
    label_image: bool = False
    base_width: int = 16
    depth: int | None = None
    modules: str | None = None
    widths: str | None = None
    equal_parameters: bool = False
    batch_norm: bool | None = None
    dropout: float | None = None
    encoder_weights: str | None = None
    tv_weight: float = 1.0
    learn_tv_weight: bool = True
    tv_step: float = 0.25
    tv_iterations: int = 30
    tv_inference_iterations: int | None = None
    tv_gradient: str = "implicit"
    tv_per_class: bool = False
    tv_method: str = "fista"
    tv_isotropic: bool = True
    tv_tolerance: float | None = None
    tv_label_tolerance: float | None = None
    tv_guide: bool = False
    tv_edge_contrast: float = 0.1
    tv_weight_form: str = "softplus"
    tv_weight_rate: float = 1.0
    tv_weight_bounds: str | None = None
    tv_temperature: float = 1.0
    learn_tv_temperature: bool = False
    tv_volumes: str | None = None
    tv_relu: bool = False
    tv_relu_weight: float = 0.1
    epochs: int = 20
    until_loss: float | None = None
    keep: str = "last"
    steps_per_epoch: int | None = None
    batch_size: int = 8
    optimizer: str = "adam"
    learning_rate: float | None = None
    momentum: float | None = None
    lipschitz: str = "auto"
    solver: str | None = None
    weight_decay: float = 0.0
    l1_penalty: float = 0.0
    precision: str = "float32"
    schedule: str = "constant"
    class_weighting: str = "none"
    augment: str = "auto"
    resize: tuple[int, int] | None = None
    patch: int | None = None
    overlap: int = 0
    crop: tuple[int, int] | None = None
    crop_border: str = MIRRORED
    test_share: float = 0.2
    validation_share: float = 0.1
    random_split: bool = False
    validate_on_test: bool = False
    train_images: int | None = None
    train_noise: str | None = None
    noisy_share: float = DEFAULT_SHARE
    trajectory: int | None = None
    seed: int = 0
    split_seed: int = 0

    def check(self):
        """Raise InputError for a value outside its choices or range."""
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"Unknown {name.replace('_', ' ')} {getattr(self, name)!r}; choose one of: {', '.join(allowed)}."
                )
        check_architecture(self)
        self._check_crop()
        self._check_loss()
        self._check_optimizer()
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"`{name}` must be above 0; got {value}.")
            if value is not None and not is_finite(value):
                raise InputError(f"`{name}` must be a finite number; got {value}.")
        check_tv(self)
        self._check_sizes()
        if self.steps_per_epoch is not None and self.steps_per_epoch < 1:
            raise InputError(f"`steps_per_epoch` must be at least 1; got {self.steps_per_epoch}.")
        if self.trajectory is not None and self.trajectory < 1:
            raise InputError(f"`trajectory` must be at least 1; got {self.trajectory}.")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"`dropout` must be from 0 to below 1; got {self.dropout}.")
        if not (0 < self.test_share < 1 and 0 <= self.validation_share < 1):
            raise InputError("`test_share` must lie between 0 and 1, `validation_share` from 0 to below 1.")
        if not 0 < self.noisy_share <= 1:
            raise InputError(f"`noisy_share` must be above 0 and at most 1; got {self.noisy_share}.")
        if self.train_noise is not None:
            parse_mix(self.train_noise)

    def _check_sizes(self):
        """Raise InputError for numbers that no memory or no generator of random numbers can take."""
        for name in ("seed", "split_seed"):
            if not 0 <= getattr(self, name) < 2**32:
                raise InputError(f"`{name}` must be from 0 to 4,294,967,295; got {getattr(self, name)}.")
        for name, most in (("base_width", 4096), ("depth", 12), ("patch", LARGEST_SIDE)):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise InputError(f"`{name}` must be from 1 to {most:,}; got {value}.")
        for name in ("resize", "crop"):
            sides = getattr(self, name)
            if sides is not None and not all(1 <= side <= LARGEST_SIDE for side in sides):
                got = "x".join(map(str, sides))
                raise InputError(f"`{name}` must be two sides from 1 to {LARGEST_SIDE:,} pixels; got {got}.")

    def _check_crop(self):
        augmentation = parse_augmentation(self.augment, SYMMETRIES)
        if self.crop is not None and self.patch is not None:
            raise InputError(f"`crop` and `patch` both cut images; leave one of them out. {CROP_OR_PATCH}")
        if self.crop_border != MIRRORED and self.crop is None:
            raise InputError(
                f"`crop_border` {self.crop_border} needs a `crop`, HEIGHTxWIDTH of what is cut out."
            )
        if augmentation.scale and self.crop is None:
            raise InputError(NO_CROP)

    def _check_loss(self):
        if self.loss == "cross-entropy" and self.head in REGRESSION_HEADS:
            raise InputError(
                f"`head` {self.head} gives no probabilities for `loss` cross-entropy; use `loss` mse, or another head."
            )
        if self.label_image and self.loss != "mse":
            raise InputError(f"`label_image` is learned by `loss` mse; got `loss` {self.loss}.")
        if self.label_image and self.head not in REGRESSION_HEADS:
            raise InputError(
                f"`label_image` has one channel, of which a softmax is 1 everywhere: use `head` "
                f"{either(REGRESSION_HEADS)}; got `head` {self.head}."
            )
        if self.keep == "validation-loss" and self.validate_on_test:
            raise InputError(
                "`keep` validation-loss with `validate_on_test` would choose the model by the images that it is tested "
                "on; use `keep` training-loss or last."
            )

    def _check_optimizer(self):
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise InputError(f"`momentum` must be from 0 to below 1; got {self.momentum}.")
        if self.momentum and self.optimizer not in MOMENTUM:
            raise InputError(
                f"`momentum` is for `optimizer` {either(MOMENTUM)}; got `optimizer` {self.optimizer}."
            )
        if self.lipschitz not in ("auto", "auto-median") and not is_positive_number(self.lipschitz):
            raise InputError(
                f"`lipschitz` must be auto, auto-median or a number above 0; got {self.lipschitz}."
            )
        if self.lipschitz != "auto" and self.optimizer != "bpgrad":
            raise InputError(f"`lipschitz` is for `optimizer` bpgrad; got `optimizer` {self.optimizer}.")
        for name in ("weight_decay", "l1_penalty"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"`{name}` must be at least 0; got {getattr(self, name)}.")
        if self.solver is not None:
            self._check_solver()
        rate = LEARNING_RATES.get(self.optimizer, 1e-3) if self.learning_rate is None else self.learning_rate
        parse_schedule(self.schedule, None if self.solver else rate, epochs=self.epochs, validates=True)
        watched = None if self.named_schedule is None else self.named_schedule.watches
        if self.validate_on_test and watched in ("auto", "validation"):
            raise InputError(
                "A decay on plateau with `validate_on_test` would choose the rates by the images that the model is "
                "tested on; let it watch the other loss, by plateau+watch=training."
            )

    def _check_solver(self):
        defaults = {field.name: field.default for field in fields(self)}
        for name in _OF_OPTIMIZER:
            if getattr(self, name) not in (defaults[name], None):
                raise InputError(
                    f"`solver` says which optimizer trains and how fast; leave out `{name}` {getattr(self, name)}."
                )
        try:
            name, value = read_setting(self.solver)
            make_solver(name, value, steps_per_epoch=1, epochs=self.epochs)
        except ValueError as error:
            raise InputError(f"`solver` {self.solver} is not understood: {error}") from None
        has_tv_weights = (self.head == "tv-softmax" and self.learn_tv_weight) or self.tv_relu
        if self.weight_decay and has_tv_weights and not self.decays_loss:
            raise InputError(
                f"`solver` {self.solver} counts the decay in the gradient of all that is trained, the weight of the "
                "total variation too; use decay=in-loss, another `head`, or no `weight_decay`."
            )

    def check_data(self, dataset):
        """Raise InputError for options that do not suit the data, their kind, masks or image pairs, and channels."""
        check_colours(parse_augmentation(self.augment, SYMMETRIES), dataset)
        check_classes(self, dataset)
        if self.label_image and dataset.num_classes != 2:
            holds = f"{dataset.num_classes} classes" if dataset.num_classes else "image pairs"
            raise InputError(f"`label_image` is for data of two classes; {dataset.spec} holds {holds}.")
        if not dataset.image_pairs:
            return
        if self.loss != "mse" or self.head not in REGRESSION_HEADS:
            raise InputError(
                f"{dataset.spec} holds image pairs, not classes: use `loss` mse with `head` identity or sigmoid; got "
                f"`loss` {self.loss} with `head` {self.head}."
            )
        if self.class_weighting != "none":
            raise InputError(f"`class_weighting` is for data with classes; {dataset.spec} holds image pairs.")

    def completed(self):
        """Return the configuration with the model's and the optimizer's own values where it has None.

        The augmentation is written with each of its values, lists in texts in one way.
        """
        own = self._own_options()
        own = {name: own[name] for name in own if getattr(self, name) is None}
        own |= completed_texts(self)
        own["schedule"] = str(parse_schedule(self.schedule, validates=True))
        return replace(self, augment=str(parse_augmentation(self.augment, SYMMETRIES)), **own)

    def _own_options(self):
        parameters = signature(MODELS[self.model]).parameters
        own = {name: parameters[name].default for name in ("depth", "dropout", "batch_norm")}
        if self.solver is None:
            own["learning_rate"] = LEARNING_RATES.get(self.optimizer, 1e-3)
            own["momentum"] = MOMENTUM.get(self.optimizer, 0.0)
        own["tv_inference_iterations"] = signature(TVSoftmax).parameters["inference_iterations"].default
        return own

    @property
    def decays_loss(self):
        """Whether the decay of the weights is part of the loss; otherwise the optimizer adds it to the gradient."""
        return self.solver is None or getattr(
            make_solver(read_setting(self.solver)[0], steps_per_epoch=1), "decays_loss", True
        )

    @property
    def named_schedule(self):
        """The `RateSchedule` of the learning rate, that of `solver` where there is one; None for rates by epoch."""
        if self.solver is None:
            return parse_schedule(self.schedule, validates=True)
        rates = self._rates_of_solver()
        return None if rates is None else rates.course

    def _rates_of_solver(self):
        value = read_setting(self.solver)[1]
        return EpochRates.parse(value) if isinstance(value, str) and EpochRates.is_text(value) else None

    @property
    def extendable(self):
        """Names of the options that may change when a run resumes.

        A cosine schedule ends with the last epoch, and so do rates of a solver from a first one to a last, such as
        `0.1..0.001`: only other rates can be given more of them.
        """
        rates = self.named_schedule if self.solver is None else self._rates_of_solver()
        return () if rates is not None and rates.ends_with_epochs else ("epochs", "until_loss")

    def command(self, spec, out):
        """Return the `tfapp train` line of this configuration: every option that is not at its default."""
        parts, own = ["tfapp", "train", spec], self._own_options()
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in (field.default, own.get(field.name, field.default)):
                parts += option_words(field.name, value)
        return shlex.join([*parts, "--out", str(out)])


def is_finite(number):
    """Return whether a number is neither NaN nor infinite, nor an integer beyond all floats."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def is_positive_number(text):
    """Return whether a text is a finite number above 0."""
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def option_words(name, value):
    """Return a field of `TrainConfig`, or its stored form, as the words of a command line."""
    name = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, (tuple, list)):
        return [f"--{name}", "x".join(map(str, value))]
    return [f"--{name}", str(value)]
