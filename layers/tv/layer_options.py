"""Options of the layers that solve a total-variation problem: what they may be, and when they may still change."""

import numpy as np

from tfapp.layers.arguments import (
    check_choice,
    check_count,
    check_positive,
    check_share,
    checked_spacing,
    checked_weight,
    inverse_softplus,
    reachable,
)
from tfapp.layers.options import CheckedOptions
from tfapp.layers.tv.class_shares import checked_volumes
from tfapp.layers.tv.gradients import GRADIENTS
from tfapp.layers.tv.linear_operator import checked_operator
from tfapp.layers.tv.solver import LABELLED, METHODS
from tfapp.layers.tv.weight_bounds import check_within, checked_bounds

_CHOICES = {
    "gradient": (*GRADIENTS, "one-step"),
    "method": METHODS,
    "jit_compile": ("auto", True, False),
    "weight_form": ("softplus", "direct"),
}


class TVOptions(CheckedOptions):
    """The options of `TVLayer`, in front of a Keras layer; a subclass has the attribute `potential`."""

    BUILT_IN = (
        "learn_tv_weight",
        "weight_form",
        "weight_bounds",
        "learn_temperature",
        "per_class",
        "return_gap",
    )
    LATER = {
        **{"operator": None, "huber": 0.0, "temperature": 1.0, "learn_temperature": False, "volumes": None},
        **{"weight_form": "softplus", "weight_rate": 1.0, "weight_bounds": None, "label_tolerance": None},
    }

    def checked(self, name, value):
        if name in ("iterations", "inference_iterations", "backward_iterations"):
            check_count(**{name: value})
            return int(value)
        if name in ("step", "edge_contrast", "temperature", "weight_rate"):
            check_positive(**{name: value})
            return float(value)
        if name in _CHOICES:
            check_choice(name, value, _CHOICES[name])
            return value
        if name == "tv_weight":
            weight = self._fitting(checked_weight(value, self.learn_tv_weight, self.per_class))
            check_within(weight, self.weight_bounds)
            return weight
        if name == "weight_bounds":
            bounds = checked_bounds(value)
            if "tv_weight" in self.__dict__:
                check_within(self.tv_weight, bounds)
            return bounds
        if name == "tolerance":
            return self._checked_tolerance(value)
        if name == "label_tolerance":
            return self._checked_label_tolerance(value)
        if name == "operator":
            return checked_operator(value)
        if name == "huber":
            if value != 0:
                check_positive(huber=value)
            return float(value)
        if name == "volumes":
            return checked_volumes(value)
        if name == "voxel_size":
            return checked_spacing(voxel_size=value)
        if name == "potential":
            return self._checked_potential(value)
        if name in ("learn_tv_weight", "per_class") and "tv_weight" in self.__dict__:
            others = {"learned": self.learn_tv_weight, "per_class": self.per_class}
            key = "learned" if name == "learn_tv_weight" else name
            checked_weight(self.tv_weight, **{**others, key: bool(value)})
        return bool(value)

    def _checked_tolerance(self, value):
        if value is not None and self.__dict__.get("label_tolerance") is not None:
            raise ValueError(
                f"`tolerance` goes without a `label_tolerance`. Received: {value} beside {self.label_tolerance}"
            )
        return reachable(value)

    def _checked_label_tolerance(self, value):
        if value is None:
            return None
        check_share(label_tolerance=value)
        if self.potential not in LABELLED or self.tolerance is not None:
            raise ValueError(
                f"`label_tolerance` is for outputs with labels, {' and '.join(LABELLED)}, without a `tolerance`. "
                f"Received: label_tolerance={value} for {self.potential!r}, tolerance={self.tolerance}"
            )
        return float(value)

    def _checked_potential(self, value):
        if value != self.potential:
            raise ValueError(
                f"`potential` is that of the class, {self.potential!r} of {type(self).__name__}. Received: "
                f"potential={value!r}; take the layer of that name"
            )
        return value

    def is_traced(self, name):
        # Whether it compiles changes no number; lambda that is a variable is read anew by every graph.
        is_free = (
            name == "jit_compile"
            or (name == "tv_weight" and self._has_variable)
            or (name == "temperature" and self.__dict__.get("raw_temperature") is not None)
        )
        return not is_free and super().is_traced(name)

    def _raw_weights(self):
        weights = np.atleast_1d(self.tv_weight)
        return [float(one) if self.weight_form == "direct" else inverse_softplus(one) for one in weights]

    @property
    def _has_variable(self):
        return self.__dict__.get("raw_tv_weight") is not None

    def _fitting(self, weight):
        """Return lambda, or raise ValueError where it has not one number for each class of a built layer."""
        classes = self.__dict__.get("_num_classes")
        if isinstance(weight, tuple) and classes not in (None, len(weight)):
            raise ValueError(
                f"`tv_weight` must be one number, or one for each of the {classes} classes. "
                f"Received: tv_weight={list(weight)}"
            )
        return weight
