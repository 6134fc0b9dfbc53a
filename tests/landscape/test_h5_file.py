import h5py
import numpy as np
import pytest

from tfapp.landscape import Surface, save_h5


def bowl(nan=(), todo=(), line=False, metric="accuracy"):
    surface = Surface.empty(4, ((-1, 1), (0, 3)), line=line)
    for i, j in surface.todo():
        loss = np.nan if (i, j) in nan else 1 + surface.alphas[i] + 10 * surface.betas[j]
        if (i, j) not in todo:
            surface.record(i, j, loss, 0.0, {metric: 0.1 * i})
    return surface


def read(path):
    with h5py.File(path) as file:
        return {name: values[()] for name, values in file.items()}


def test_losses_are_drawn_by_meshgrid_where_they_were_measured(tmp_path):
    save_h5(bowl(), tmp_path / "surface.h5", dir_file="directions.npz")
    found = read(tmp_path / "surface.h5")
    x, y = np.meshgrid(found["xcoordinates"], found["ycoordinates"])
    np.testing.assert_allclose(found["train_loss"], 1 + x + 10 * y)
    assert found["dir_file"] == b"directions.npz"


def test_the_accuracy_is_in_percent_and_every_metric_is_kept(tmp_path):
    save_h5(bowl(), tmp_path / "surface.h5")
    found = read(tmp_path / "surface.h5")
    np.testing.assert_allclose(found["train_acc"][0], [0, 10, 20, 30])
    np.testing.assert_allclose(found["accuracy"], found["train_acc"] / 100)


@pytest.mark.parametrize(
    ("metric", "known"), [("binary_accuracy", True), ("mask/acc", True), ("mean_iou", False)]
)
def test_only_an_accuracy_is_called_one(tmp_path, metric, known):
    save_h5(bowl(metric=metric), tmp_path / "surface.h5")
    with h5py.File(tmp_path / "surface.h5") as file:
        assert ("train_acc" in file) == known


def test_cells_that_were_not_measured_are_minus_one_and_losses_that_were_not_finite_nan(tmp_path):
    save_h5(bowl(nan={(0, 1)}, todo={(2, 3)}), tmp_path / "surface.h5")
    found = read(tmp_path / "surface.h5")
    assert np.argwhere(found["train_loss"] == -1).tolist() == [[3, 2]]
    assert np.argwhere(np.isnan(found["train_loss"])).tolist() == [[1, 0]]
    assert found["train_acc"][3, 2] == -1 and not found["measured"][3, 2]


def test_a_line_has_one_axis(tmp_path):
    save_h5(bowl(line=True), tmp_path / "line.h5")
    found = read(tmp_path / "line.h5")
    assert "ycoordinates" not in found
    np.testing.assert_allclose(found["train_loss"], 1 + found["xcoordinates"])
