import math
import re

import pytest

from tfapp.errors import InputError
from tfapp.optimizers import ALIG, BPGrad
from tfapp.solvers.bounds.logger import check_auto, skipped_steps, steep_gradient

STEEP = {"max_gradient_norm": 3.0, "lipschitz": 2.0, "num_skipped": 0.0, "best_loss": 1.0}


@pytest.mark.parametrize(
    "loss, offset, reason",
    [
        (math.nan, 0.0, "most likely because the loss was NaN or infinite"),
        (
            -3.0,
            2.0,
            r"most likely because the loss, -3 in the mean, is negative: raise `loss_offset` \(now 2\)",
        ),
        (-1.0, 2.0, "because their gradient was zero"),
        (0.5, 0.0, "because their gradient was zero"),
        (None, 0.0, "because their gradient was zero"),
    ],
)
def test_most_likely_reason_of_skipped_steps(loss, offset, reason):
    sentence = skipped_steps(BPGrad(loss_offset=offset), {"num_skipped": 2.0}, 2, 3, loss)
    assert re.match(f"Epoch 3 skipped 2 steps, {reason}", sentence)


def test_steps_skipped_before_are_counted_in_all():
    assert "skipped 2 steps, 5 in all," in skipped_steps(BPGrad(), {"num_skipped": 5.0}, 2, 3, 0.5)


def test_epoch_without_a_skipped_step_is_not_mentioned():
    assert skipped_steps(BPGrad(), {"num_skipped": 5.0}, 0, 3, 0.5) is None


def test_gradient_above_the_constant_is_named_with_both_numbers():
    assert "the norm 3, above L = 2, which proves that L is too small" in steep_gradient(BPGrad(2.0), STEEP)


def test_gradient_below_the_constant_is_not_mentioned():
    assert steep_gradient(BPGrad(5.0), STEEP | {"lipschitz": 5.0}) is None


def test_automatic_constant_is_not_reproached_with_a_gradient():
    assert steep_gradient(BPGrad("auto"), STEEP) is None


def test_optimizer_without_the_constant_is_not_reproached():
    assert steep_gradient(ALIG(), {"num_skipped": 0.0, "best_loss": 1.0}) is None


def test_automatic_constant_without_a_step_is_an_error_and_with_one_is_not():
    measured = {"num_skipped": 4.0, "best_loss": math.inf, "lipschitz": 0.0}
    with pytest.raises(InputError, match='`lipschitz="auto"` must see a loss .* none of 4 steps'):
        check_auto(BPGrad("auto"), measured, 3.0)
    check_auto(BPGrad("auto"), measured | {"best_loss": 1.0}, 3.0)
    check_auto(BPGrad(5.0), measured, 3.0)
