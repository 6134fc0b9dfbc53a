"""Everything that decides a training run."""

import shlex
from dataclasses import dataclass, fields

from tfapp.data import AUGMENTATIONS
from tfapp.errors import InputError

OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "lion")
SCHEDULES = ("constant", "cosine")
WEIGHTINGS = ("none", "balanced")
_CHOICES = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "augment": ("auto", *AUGMENTATIONS),
    "class_weighting": WEIGHTINGS,
}
_POSITIVE = (
    "epochs",
    "batch_size",
    "base_width",
    "depth",
    "learning_rate",
    "tv_weight",
    "tv_step",
    "tv_iterations",
)


@dataclass(frozen=True)
class TrainConfig:
    """The options of `tfapp train`, under the same names."""

    model: str = "unet"
    head: str = "tv-softmax"
    base_width: int = 16
    depth: int = 4
    dropout: float = 0.0
    tv_weight: float = 1.0
    learn_tv_weight: bool = True
    tv_step: float = 0.25
    tv_iterations: int = 30
    epochs: int = 20
    steps_per_epoch: int | None = None
    batch_size: int = 8
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    class_weighting: str = "none"
    augment: str = "auto"
    resize: tuple[int, int] | None = None
    patch: int | None = None
    overlap: int = 0
    test_share: float = 0.2
    validation_share: float = 0.1
    seed: int = 0
    split_seed: int = 0

    def check(self):
        """Raise InputError for a value outside its choices or range."""
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"Unknown {name.replace('_', ' ')} {getattr(self, name)!r}; choose one of: {', '.join(allowed)}."
                )
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise InputError(f"--{name.replace('_', '-')} must be above 0; got {getattr(self, name)}.")
        if self.steps_per_epoch is not None and self.steps_per_epoch < 1:
            raise InputError(f"--steps-per-epoch must be at least 1; got {self.steps_per_epoch}.")
        if not 0 <= self.dropout < 1:
            raise InputError(f"--dropout must be from 0 to below 1; got {self.dropout}.")
        if not (0 < self.test_share < 1 and 0 <= self.validation_share < 1):
            raise InputError("--test-share must lie between 0 and 1, --validation-share from 0 to below 1.")

    @property
    def extendable(self):
        """Names of the options that may change when a run goes on.

        A cosine schedule ends with the last epoch, so only a constant rate can be given more of them.
        """
        return ("epochs",) if self.schedule == "constant" else ()

    def command(self, spec, out):
        """Return the `tfapp train` line of this configuration: every option that is not at its default."""
        parts = ["tfapp", "train", spec]
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                parts += _option(field.name.replace("_", "-"), value)
        return shlex.join([*parts, "--out", str(out)])


def _option(name, value):
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, tuple):
        return [f"--{name}", "x".join(map(str, value))]
    return [f"--{name}", str(value)]
