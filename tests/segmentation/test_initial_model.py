"""The weights that a training began with, built anew from the record of its run."""

import numpy as np
import pytest

from tfapp.landscape import load_trajectory
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train


@pytest.mark.slow
def test_initial_weights_are_those_that_the_trajectory_began_with(tmp_path, tiny):
    train("cells:20:32", tmp_path / "run", tiny(epochs=1, steps_per_epoch=1, trajectory=1, seed=3))
    run = Run.open(tmp_path / "run")
    trajectory = load_trajectory(run.solution().trajectory)
    assert trajectory.steps[0] == 0
    initial = run.initial_model()
    for variable, recorded in zip(initial.trainable_variables, trajectory[0], strict=True):
        np.testing.assert_array_equal(variable.numpy(), recorded)
    x, y, weights = run.sample("train", 2, 0)
    found = initial.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    assert np.isfinite(found["loss"])
