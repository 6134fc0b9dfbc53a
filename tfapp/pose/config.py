"""Everything that decides the training of a pose model."""

import math
from dataclasses import dataclass

from tfapp.errors import InputError
from tfapp.pose.model.settings import PoseSettings

# What may be another in a run that goes on.
EXTENDABLE = ("epochs",)


@dataclass(frozen=True)
class PoseConfig:
    """The options of `tfapp pose train`, under the same names.

    `instances` None is what the scenes say, `side` (metres) None is `SIDE` of the network's unit. Of the others the
    first are those of `PoseSettings`; `observed` is the number of points that are drawn of each scene, `held_out` the
    share of the scenes that nothing is learned from; both learning rates are multiplied by `decay` every
    `decay_epochs`.
    """

    instances: int | None = None
    points: int = 256
    observed: int = 256
    side: float | None = None
    channels: int = 1
    combination: str = "min"
    gamma_rate: float = 0.002
    hypotheses: int = 1
    backbone: str = "small"
    size: int = 64
    translation: str = "direct"
    visibility: str = "hidden-points"
    exponent: float | None = None
    squared: bool = False
    foreground: str | None = None
    epochs: int = 140
    batch_size: int = 32
    learning_rate: float = 0.001
    model_learning_rate: float = 0.003
    decay: float = 0.31
    decay_epochs: int = 50
    held_out: float = 0.1
    seed: int = 0

    def check(self):
        """Raise InputError for what `PoseSettings` does not look at."""
        for name in ("observed", "epochs", "batch_size", "decay_epochs"):
            if getattr(self, name) < 1:
                raise InputError(f"{_option(name)} must be at least 1; got {getattr(self, name)}.")
        for name in ("learning_rate", "model_learning_rate", "decay", "gamma_rate"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise InputError(f"{_option(name)} must be a positive number; got {getattr(self, name)}.")
        if not 0 <= self.held_out < 1:
            raise InputError(f"--held-out is a share from 0 to below 1; got {self.held_out}.")
        if self.side is not None and not self.side > 0:
            raise InputError(f"--side must be a positive length in metres; got {self.side}.")

    def settings(self, camera, frame, instances):
        """Return the `PoseSettings` for a camera and the `Frame` of its scenes."""
        side = {} if self.side is None else {"side": self.side / frame.unit}
        names = (
            "points",
            "channels",
            "combination",
            "gamma_rate",
            "hypotheses",
            "backbone",
            "size",
            "translation",
            "visibility",
            "exponent",
            "squared",
            "seed",
        )
        return PoseSettings(
            camera={name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")},
            centre=frame.centre,
            unit=frame.unit,
            instances=instances,
            **side,
            **{name: getattr(self, name) for name in names},
        )


def _option(name):
    return "--" + name.replace("_", "-")
