"""Settings of a transfer network."""

import math
from dataclasses import asdict, dataclass

from tfapp.errors import InputError
from tfapp.optimizers import SOLVERS
from tfapp.optimizers.catalogue import value_text
from tfapp.runs.precision import FLOAT32, check_precision
from tfapp.runs.rates import parse_schedule

# The two readings of Wu (2020), and what else a network may learn to give.
READINGS = ("own", "nearest")
SOFT, FEATURES = "soft", "features"
TARGETS = (*READINGS, SOFT, FEATURES)
# What may be another in a run that resumes.
EXTENDABLE = ("iterations", "skip_bad", "features_of")
# Of SGD with momentum by Wu (2020), chapter 5, whose rate is divided by ten every so many iterations.
WU_SOLVER, WU_RATE, DECAY = "sgd-momentum", 0.01, 0.1
# Defaults of version 0.1, that were Wu's: a command that was typed then means them still where its run resumes.
FIRST_DEFAULTS = {"pseudo": "own", "solver": WU_SOLVER, "iterations": 45_000, "decay_every": 15_000}
# Iterations between two rows of the history, and two checkpoints.
WINDOW = 250


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What decides the training of the two layers, under the names of the options.

    Attributes:
        hidden: Units N1 of the first layer.
        clusters: Units N2 of the second layer, and k of k-means.
        pseudo: What it learns to give: the pseudo-label `own`, the cluster of the image's sharp features, or `nearest`,
            the centroid that its low-resolution features are nearest to, as Wu (2020) may be read; `soft`, how much of
            the sharp image belongs to each cluster; or `features`, its sharp features themselves, in place of clusters.
        temperature: Of `soft`, above 0; the smaller, the more belongs to the nearest cluster.
        solver: One of `SOLVERS`.
        value: Value of its parameter, its learning rate or L of BPGrad; None for the usual one.
        iterations: Batches in all.
        decay_every: Iterations after which the learning rate is divided by 10, again and again; 0 for never.
        schedule: What becomes of the learning rate in place of that, a text of `tfapp.optimizers.RateSchedule` that
            counts in iterations; None for `decay_every`.
        batch_size: Feature vectors in a batch.
        weight_decay: Adds `weight_decay / 2 * ||W||^2` to the loss, W the kernels.
        precision: `float32` or `mixed_bfloat16`, what the two layers compute in; what they give is float32.
        seed: Of the clustering, the initial weights and the order of the batches.
    """

    hidden: int = 1024
    clusters: int = 100
    pseudo: str = SOFT
    solver: str = "adam"
    value: float | None = None
    iterations: int = 1000
    decay_every: int = 0
    batch_size: int = 1000
    weight_decay: float = 0.0005
    precision: str = FLOAT32
    seed: int = 0
    schedule: str | None = None
    temperature: float = 0.2

    def check(self):
        """Raise InputError for a value out of its range."""
        for name, least in (("hidden", 1), ("clusters", 2), ("iterations", 1), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise InputError(f"`{name}` must be at least {least}; got {getattr(self, name)}.")
        for name in ("decay_every", "weight_decay", "seed"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"`{name}` must not be negative; got {getattr(self, name)}.")
        if self.pseudo not in TARGETS:
            raise InputError(f"Unknown `pseudo` {self.pseudo!r}; choose one of: {', '.join(TARGETS)}.")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise InputError(f"`temperature` must be a number above 0; got {self.temperature}.")
        if self.solver not in SOLVERS:
            raise InputError(f"Unknown solver {self.solver!r}; choose one of: {', '.join(SOLVERS)}.")
        check_precision(self.precision)
        if self.value is not None and not (math.isfinite(self.value) and self.value > 0):
            raise InputError(f"`value` must be a number above 0; got {self.value}.")
        if self.schedule is not None:
            self._check_schedule()

    def _check_schedule(self):
        if SOLVERS[self.solver].parameter != "learning_rate":
            raise InputError(
                f"`schedule` is for solvers with a learning rate; {self.solver} has "
                f"{SOLVERS[self.solver].symbol}, leave the option out."
            )
        if self.decay_every != NetworkConfig.decay_every:
            raise InputError(
                f"`schedule` {self.schedule} and `decay_every` {self.decay_every} both say how the learning rate "
                "falls; give one of them."
            )
        schedule = parse_schedule(self.schedule, self.parameter(), epochs=self.iterations)
        if schedule.watches and schedule.options["patience"] < WINDOW:
            raise InputError(
                f"The loss is looked at every {WINDOW} iterations, and the patience of a plateau counts in iterations "
                f"here; expected at least plateau+patience={WINDOW}, got `schedule` {self.schedule}."
            )

    def to_json(self):
        """Return what is stored: all options, but younger ones only where they differ from their default."""
        younger = {"precision": FLOAT32, "schedule": None, "temperature": NetworkConfig.temperature}
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in younger or value != younger[name]
        }

    @property
    def extendable(self):
        """Names of the options that may be others in a run that resumes; a cosine ends with the last iteration."""
        ends = self.schedule is not None and parse_schedule(self.schedule).ends_with_epochs
        return tuple(name for name in EXTENDABLE if not (ends and name == "iterations"))

    def parameter(self):
        """Return the value of the solver's parameter."""
        if self.value is not None:
            return self.value
        return WU_RATE if self.solver == WU_SOLVER else SOLVERS[self.solver].value

    def parameter_text(self):
        """Return it as it is read: a few digits, or "auto"."""
        return value_text(self.parameter())


@dataclass(frozen=True, kw_only=True)
class TransferConfig(NetworkConfig):
    """The options of `tfapp transfer train`, under the same names: `NetworkConfig`, and those of the features.

    Attributes:
        backbone: Network of keras.applications, or a `.keras` file.
        weights: Its weights file, or `imagenet`; None for a `.keras` file.
        layer: Layer of a `.keras` file; None for the input of its last Dense layer.
        input_scale: What a `.keras` file takes for white; None for what it declares. A run keeps the number.
        high: Side in pixels of sharp images.
        low: Side in pixels of low-resolution images before they are enlarged again; None to keep their size.
        further_low: Further such sides: each image has, by chance, one of these and `low`.
        degrade: Degradations of the small image, `KIND=LEVEL`, in this order.
        skip_bad: Whether to go on without images that cannot be read.
        features_of: Folder of another run, whose features are copied where they are of the same images, backbone and
            resolution; None to extract all.
    """

    backbone: str = "ResNet101"
    weights: str | None = None
    layer: str | None = None
    input_scale: float | None = None
    high: int = 224
    low: int | None = 32
    degrade: tuple[str, ...] = ()
    skip_bad: bool = False
    further_low: tuple[int, ...] = ()
    features_of: str | None = None

    def check(self):
        super().check()
        if self.low is None and not self.degrade:
            raise InputError("Nothing makes the images poor; give `low` SIDE, or a degradation by `degrade`.")

    def resolution(self):
        """Return the `tfapp.data.Resolution`.

        Raises:
            InputError: For sides or degradations out of range.
        """
        from tfapp.data.resolution import Resolution, parse_degradations

        degradations = parse_degradations(self.degrade)
        return Resolution(self.high, self.low, degradations, further=self.further_low)

    def low_text(self):
        """Return the sizes of poor images for people, such as `16x16 or 32x32`."""
        return " or ".join(f"{side}×{side}" for side in self.resolution().lows)
