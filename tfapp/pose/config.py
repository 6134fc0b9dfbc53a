"""Settings of the training of a pose model."""

import math
from dataclasses import dataclass, fields

from tfapp.errors import InputError
from tfapp.pose.model.settings import ModelOptions, PoseSettings
from tfapp.runs.rates import parse_schedule

# What may be another in a run that resumes.
EXTENDABLE = ("epochs",)


@dataclass(frozen=True, kw_only=True)
class PoseConfig(ModelOptions):
    """The options of `tfapp pose train`, under the same names: `ModelOptions`, and those of the training.

    Attributes:
        instances: Parts in every scene; None is what the scenes say.
        observed: Number of points that are drawn of each scene.
        side: Side in metres of the cube that the points begin in; None is half of the network's unit.
        rho: The same in units of the network, in place of `side`.
        foreground: What counts as a part, as for `SceneFolder`.
        object_id, camera_type: Of a BOP dataset, as for `SceneFolder`.
        turn: Whether every scene is turned about the optical axis, each time by another angle.
        epochs: Epochs in all.
        batch_size: Scenes in a batch.
        learning_rate: Of the network.
        model_learning_rate: Of the object model.
        decay: What both learning rates are multiplied by every `decay_epochs`.
        decay_epochs: Epochs between two such falls.
        schedule: What becomes of both learning rates in place of that, a text of `tfapp.optimizers.RateSchedule`; None
            for `decay` and `decay_epochs`.
        held_out: Share of the scenes that nothing is learned from.
        training_scenes: How many scenes are learned from, the first that are not held out; None for all of these.
        gamma_end: What gamma of the softmin reaches after all steps, from 0 and by as much in each, in place of
            `gamma_rate`. A training that is extended goes on by as much, and beyond.
    """

    instances: int | None = None
    observed: int = 256
    side: float | None = None
    rho: float | None = None
    foreground: str | None = None
    object_id: int | None = None
    camera_type: str | None = None
    turn: bool = True
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 0.001
    model_learning_rate: float = 0.003
    decay: float = 0.31
    decay_epochs: int = 25
    held_out: float = 0.1
    training_scenes: int | None = None
    gamma_end: float | None = None
    schedule: str | None = None

    def check(self):
        """Raise InputError for what `PoseSettings` does not look at."""
        for name in ("observed", "epochs", "batch_size", "decay_epochs"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` must be at least 1; got {getattr(self, name)}.")
        for name in ("learning_rate", "model_learning_rate", "decay", "gamma_rate"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise InputError(f"`{name}` must be a positive number; got {getattr(self, name)}.")
        for name in ("instances", "training_scenes"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise InputError(f"`{name}` must be at least 1; got {getattr(self, name)}.")
        if self.seed < 0:
            raise InputError(f"`seed` must not be negative; got {self.seed}.")
        if self.exponent is not None and not 0 <= self.exponent <= 10:
            raise InputError(f"`exponent` must be a number from 0 to 10; got {self.exponent}.")
        if not 0 <= self.held_out < 1:
            raise InputError(f"`held_out` is a share from 0 to below 1; got {self.held_out}.")
        if self.side is not None and not (self.side > 0 and math.isfinite(self.side)):
            raise InputError(f"`side` must be a positive length in metres; got {self.side}.")
        for name in ("rho", "gamma_end"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise InputError(f"`{name}` must be a positive number; got {value}.")
        if self.rho is not None and self.side is not None:
            raise InputError(
                "`side` and `rho` are the same length, in metres and in units; give one of them."
            )
        if self.schedule is not None:
            self._check_schedule()
        if self.gamma_end is not None and self.combination != "softmin":
            raise InputError("`gamma_end` is for `combination` softmin; leave it out, or choose that.")

    def _check_schedule(self):
        for name in ("decay", "decay_epochs"):
            if getattr(self, name) != getattr(PoseConfig, name):
                raise InputError(
                    f"`schedule` {self.schedule} and `{name}` {getattr(self, name)} both say how the learning rates "
                    "fall; give one of them."
                )
        parse_schedule(self.schedule, min(self.learning_rate, self.model_learning_rate), epochs=self.epochs)

    @property
    def extendable(self):
        """Names of the options that may be others in a run that resumes; a cosine ends with the last epoch."""
        ends = self.schedule is not None and parse_schedule(self.schedule).ends_with_epochs
        return () if ends else EXTENDABLE

    def settings(self, camera, frame, instances, steps):
        """Return the `PoseSettings` for a camera, the `CoordinateFrame` of its scenes and the steps of the training."""
        own = {field.name: getattr(self, field.name) for field in fields(ModelOptions)}
        if self.side is not None:
            own["side"] = self.side / frame.unit
        if self.rho is not None:
            own["side"] = self.rho
        if self.gamma_end is not None:
            own["gamma_rate"] = self.gamma_end / steps
        return PoseSettings(
            camera={name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")},
            centre=frame.centre,
            unit=frame.unit,
            instances=instances,
            **own,
        )
