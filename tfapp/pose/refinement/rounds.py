"""Rounds of a refinement: what each left, when they end, and which of several attempts is best."""

from typing import NamedTuple

from tfapp.pose.refinement.alternation import LEAST_GAIN

# Rounds at least: a model is first blurred for some, with a residual that hardly falls.
LEAST_ROUNDS = 9
# Share of the measured points that may still change to another instance in the last of the usual rounds: of a model
# that is the part it is below 1 %; of a heap that fills whatever is measured it was 27 %.
SETTLED = 0.05
# Another attempt is made where more is left than this share of the part's extent, beside the noise: nuts and bolts
# whose roll was right left at most .25 %, a nut whose roll was blurred .54 %.
_CLEAR = 0.0035


class Round(NamedTuple):
    """What a round left.

    Attributes:
        attempt: From 1; each begins with a model of its own.
        round: From 1, counted on over the attempts.
        residual_mm: Mean residual of the instances, millimetres.
        points: Of the model.
        moved: Share of the measured points that changed to another instance.
    """

    attempt: int
    round: int
    residual_mm: float
    points: int
    moved: float

    @property
    def rank(self):
        """What the best attempt has least of at its end: points that do not settle count before the residual."""
        return self.moved > SETTLED, self.residual_mm


def of_attempt(rounds, attempt):
    """Return the `Round`s of an attempt."""
    return [one for one in rounds if one.attempt == attempt]


def ended(rounds, most):
    """Return whether an attempt is at its end: so many rounds, or the residual hardly fell in the last two."""
    if len(rounds) >= most:
        return True
    residuals = [one.residual_mm for one in rounds]
    return len(residuals) >= LEAST_ROUNDS and min(residuals[-2:]) > (1 - LEAST_GAIN) * min(residuals[:-2])


def best(rounds):
    """Return the last `Round` of the attempt that ended best."""
    last = {one.attempt: one for one in rounds}
    return min(last.values(), key=lambda one: one.rank)


def is_clear(last, extent, noise):
    """Return whether an attempt leaves so little that no other is needed.

    Args:
        last: Its last `Round`.
        extent: Of the model, metres.
        noise: Of the depth, metres.
    """
    return last.moved <= SETTLED and last.residual_mm <= 1000 * (_CLEAR * extent + noise)
