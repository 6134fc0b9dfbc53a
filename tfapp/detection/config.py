"""Settings of a detector and of its training."""

import math
from dataclasses import dataclass

from tfapp.data.augmentation import parse_augmentation
from tfapp.detection.framing import check_sides
from tfapp.detection.model import POOLS
from tfapp.detection.proposals.of_run import ANCHORS, RPN, check_source
from tfapp.errors import InputError, either
from tfapp.optimizers import ALIG, BPGrad, EpochRates, make_solver, with_rate_factors
from tfapp.optimizers.catalogue import read_setting

SYMMETRIES = ("none", "mirror")
# Girshick (2015), section 2.3: background that overlaps no object by .1 is left out, as selective search hardly ever
# gives any. Networks and grids give plenty, which must be learned too.
_LOW = {RPN: 0.0, ANCHORS: 0.0}
_USUAL_LOW = 0.1
_LARGEST = {"min_side": 8192, "epochs": 100_000, "batch_size": 256, "regions": 4096, "head_width": 16_384}
# What may be another in a run that resumes.
EXTENDABLE = ("epochs",)


@dataclass(frozen=True, kw_only=True)
class DetectionConfig:
    """The options of `tfapp detect train`, under the same names.

    Attributes:
        backbone: `vgg16`, a network of keras.applications, or a `.keras` file, as `open_backbone` takes it.
        weights, layer, input_scale, frozen_stride: As of `open_backbone`.
        pool: One of `tfapp.detection.model.POOLS`.
        head_width: Units of the two fully connected layers.
        dropout: Behind each of them, from 0 to below 1.
        proposals: `rpn`, a region proposal network (Faster R-CNN); `anchors`, all anchors; `selective-search`; or a
            file of proposals, `.mat` or `.npz`.
        min_side: Least side in pixels of a box of selective search.
        anchor_sizes: Sides in pixels, of the images as they are scaled, of squares of the anchors' areas.
        anchor_ratios: Heights of anchors divided by their widths.
        shorter_side, longer_side: Images are scaled to the shorter side, or to the longer one at most.
        batch_size: Images of a batch.
        regions: Regions of each image.
        foreground: Largest share of objects among them, in (0, 1].
        background_overlap: Least overlap of background with an object, in [0, .5); None for .1, and 0 with `rpn` and
            `anchors`.
        solver: A text that `tfapp.optimizers.catalogue.read_setting` reads.
        bias_rate: Factor of the learning rate of biases, for solvers that have one.
        weight_decay: Adds half of it times the squared norm of the kernels to the loss.
        epochs: Passes over the training images in all.
        augment: As `tfapp.data.augmentation.parse_augmentation` reads it: `none` or `mirror`, with commas also
            `scale=0.8-1.25`, `brightness`, `contrast`, `colour`.
        test_share: Share of the images kept for testing where the data do not say which.
        validation_share: Share of the training images watched while training.
        seed: Of weights, order, augmentation and regions.
        split_seed: Of the split.
    """

    backbone: str
    weights: str | None = None
    layer: str | None = None
    input_scale: float | None = None
    frozen_stride: int = 2
    pool: str = "roi-align"
    head_width: int = 1024
    dropout: float = 0.5
    proposals: str = RPN
    min_side: int = 20
    anchor_sizes: tuple[float, ...] = (32.0, 64.0, 128.0, 256.0)
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    shorter_side: int = 480
    longer_side: int = 1000
    batch_size: int = 2
    regions: int = 64
    foreground: float = 0.25
    background_overlap: float | None = None
    solver: str = "sgd-momentum=0.01@cosine"
    bias_rate: float = 2.0
    weight_decay: float = 0.0005
    epochs: int = 12
    augment: str = "mirror"
    test_share: float = 0.2
    validation_share: float = 0.0
    seed: int = 0
    split_seed: int = 0

    def check(self):
        """Raise InputError for a value out of its range."""
        check_sides(self.shorter_side, self.longer_side)
        for name, most in _LARGEST.items():
            if not 1 <= getattr(self, name) <= most:
                raise InputError(f"`{name}` must be from 1 to {most:,}; got {getattr(self, name)}.")
        for name in ("seed", "split_seed", "frozen_stride", "weight_decay", "bias_rate"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"`{name}` must not be negative; got {getattr(self, name)}.")
        for name, low in (("test_share", 1e-9), ("validation_share", 0.0), ("dropout", 0.0)):
            if not low <= getattr(self, name) < 1:
                raise InputError(
                    f"`{name}` must be from 0 to below 1{', and above 0' * (low > 0)}; got {getattr(self, name)}."
                )
        if not 0 < self.foreground <= 1:
            raise InputError(f"`foreground` must be above 0 and at most 1; got {self.foreground}.")
        if int(self.foreground * self.regions) < 1:
            raise InputError(
                f"Of {self.regions} regions of an image a share of {self.foreground:g} leaves none for objects; give "
                "more `regions`, or a larger `foreground`."
            )
        if self.background_overlap is not None and not 0 <= self.background_overlap < 0.5:
            raise InputError(
                f"`background_overlap` must be from 0 to below 0.5; got {self.background_overlap}."
            )
        if self.pool not in POOLS:
            raise InputError(f"Unknown `pool` {self.pool!r}; choose {either(POOLS)}.")
        check_source(self.proposals)
        self._check_anchors()
        augmentation = parse_augmentation(self.augment, SYMMETRIES)
        if augmentation.symmetry not in SYMMETRIES:
            raise InputError(
                f"`augment` {augmentation.symmetry} is not for boxes; choose {either(SYMMETRIES)}."
            )
        self._check_solver()

    def _check_anchors(self):
        for name, most in (("anchor_sizes", 8192), ("anchor_ratios", 100)):
            values = getattr(self, name)
            if not (1 <= len(values) <= 32 and all(1 / most <= value <= most for value in values)):
                raise InputError(
                    f"`{name}` must be 1 to 32 numbers from {1 / most:g} to {most:,}; got {values}."
                )

    def _check_solver(self):
        try:
            make_solver(*read_setting(self.solver), steps_per_epoch=1, epochs=self.epochs)
        except ValueError as error:
            raise InputError(f"`solver` {self.solver} is not understood: {error}") from None
        rates = self._rates()
        if rates is not None and rates.course is not None and rates.course.watches not in (None, "training"):
            if not self.validation_share:
                raise InputError(
                    f"`solver` {self.solver} watches the loss; let it watch that of training by "
                    "plateau+watch=training, or give a `validation_share`."
                )

    def _rates(self):
        value = read_setting(self.solver)[1]
        return EpochRates.parse(value) if isinstance(value, str) and EpochRates.is_text(value) else None

    @property
    def extendable(self):
        """Names of the options that may change when a run resumes; rates may end with the last epoch."""
        rates = self._rates()
        return () if rates is not None and rates.ends_with_epochs else EXTENDABLE

    @property
    def has_anchors(self):
        return self.proposals in (RPN, ANCHORS)

    @property
    def low(self):
        """Least overlap of background with an object."""
        if self.background_overlap is not None:
            return self.background_overlap
        return _LOW.get(self.proposals, _USUAL_LOW)

    def augmentation(self):
        """Return the `tfapp.data.augmentation.Augmentation`."""
        return parse_augmentation(self.augment, SYMMETRIES)

    def make_solver(self, steps):
        """Return the optimizer, with the rate of biases where it has one.

        Args:
            steps: Batches of an epoch.
        """
        solver = make_solver(*read_setting(self.solver), steps, self.epochs)
        if not self.decays_loss:
            solver.weight_decay = self.weight_decay
        if self.bias_rate == 1 or isinstance(solver, (BPGrad, ALIG)):
            return solver
        try:
            return with_rate_factors(solver, {"bias": self.bias_rate})
        except ValueError:
            raise InputError(
                f"`bias_rate` is not for `solver` {self.solver}, whose variables have one rate; use `bias_rate` 1."
            ) from None

    @property
    def decays_loss(self):
        """Whether the decay of the weights is part of the loss; otherwise the solver adds it to the gradient."""
        return getattr(make_solver(read_setting(self.solver)[0], steps_per_epoch=1), "decays_loss", True)
