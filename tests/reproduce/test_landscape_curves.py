"""Curves of training and test loss, from histories by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from tfapp.reproduce.landscape.curves import draw_loss_curves, measure_curves

THREE = ("fcn-16s", "unet", "res-unet")


@dataclass(frozen=True)
class Training:
    """What the curves need of a `TrainedNetwork`."""

    network: str
    batch_size: int
    seed: int

    @property
    def history(self):
        fall = 0.2 * np.exp(-np.arange(12) / (3 + THREE.index(self.network))) + 0.01 * (1 + self.seed)
        rise = 0.01 * np.arange(12) * self.batch_size / 16
        return [
            {"epoch": epoch, "loss": loss, "val_loss": loss + more + 0.01}
            for epoch, (loss, more) in enumerate(zip(fall, rise, strict=True), 1)
        ]


def trainings(batches, seeds=(0, 1)):
    return [Training(network, batch, seed) for network in THREE for batch in batches for seed in seeds]


def legends(figure):
    return {axes.get_title(): axes.get_legend_handles_labels()[1] for axes in figure.axes}


def test_figure_3_has_the_training_losses_beside_the_test_losses_of_three_networks():
    networks = ["FCN-16s", "U-Net", "proposed"]
    assert legends(draw_loss_curves(trainings((16,)))) == {"training loss": networks, "test loss": networks}


def test_figure_7_has_both_losses_of_both_batch_sizes_for_each_network():
    found = legends(draw_loss_curves(trainings((2, 16))))
    assert list(found) == ["FCN-16s", "U-Net", "proposed"]
    assert set(found["U-Net"]) == {"B2, training", "B2, test", "B16, training", "B16, test"}


def test_lines_are_the_means_over_the_seeds_from_the_first_epoch():
    axes = draw_loss_curves(trainings((16,))).axes[0]
    line = axes.get_lines()[0]
    expected = np.mean([[row["loss"] for row in Training("fcn-16s", 16, seed).history] for seed in (0, 1)], 0)
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert list(line.get_xdata()) == list(range(1, 13))


def test_table_tells_where_the_test_loss_is_smallest():
    one = Training("unet", 16, 0)
    [(_, columns)] = measure_curves([one])
    values = [row["val_loss"] for row in one.history]
    assert columns["smallest test loss"] == pytest.approx(min(values))
    assert columns["epoch of it"] == 1 + int(np.argmin(values))
    assert columns["last test loss"] == values[-1] > min(values)
