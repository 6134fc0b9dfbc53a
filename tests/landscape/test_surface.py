import io
import json
import zipfile

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.export.requests import load_requests
from tfapp.landscape.directions.directions import Directions
from tfapp.landscape.grid import DONE, NAN, PREDICTED, TODO
from tfapp.landscape.surface import Surface
from tfapp.landscape.window import coarse_to_fine


def filled(n=5, range=0.5):
    """A surface with f = (alpha - 0.1)^2 + 2 (beta + 0.2)^2 + 1, different along its two axes."""
    surface = Surface.empty(n, range, {"key": {"seed": 0}})
    for i, j in surface.todo():
        alpha, beta = surface.alphas[i], surface.betas[j]
        surface.record(i, j, (alpha - 0.1) ** 2 + 2 * (beta + 0.2) ** 2 + 1, 0.25)
    return surface


@pytest.mark.parametrize("n", [3, 5, 21, 49])
def test_the_middle_of_the_grid_is_exactly_the_solution(n):
    surface = Surface.empty(n, 0.3)
    assert surface.alphas[n // 2] == 0 and surface.betas[n // 2] == 0
    np.testing.assert_array_equal(surface.alphas, -surface.alphas[::-1])
    assert surface.alphas[-1] == 0.3


def test_a_started_surface_is_drawn_at_the_finest_complete_mesh():
    surface = Surface.empty(9, 1.0)
    for i, j in coarse_to_fine(9)[:30]:  # 25 cells make the 5 x 5 lattice
        surface.record(i, j, 1.0)
    alphas, betas, loss = surface.drawable_grid()
    np.testing.assert_allclose(alphas, [-1, -0.5, 0, 0.5, 1])
    assert loss.shape == (5, 5) and np.isfinite(loss).all()


def test_a_surface_of_one_point_cannot_be_drawn():
    surface = Surface.empty(9, 1.0)
    surface.record(4, 4, 1.0)
    with pytest.raises(InputError, match="at least 3 x 3.*Received: 1 points"):
        surface.drawable_grid()


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_kept_as_nan_and_counted(loss):
    surface = Surface.empty(3, 1.0)
    surface.record(0, 1, loss)
    assert np.isnan(surface.loss[0, 1]) and surface.status[0, 1] == NAN
    assert surface.num_nan == 1 and surface.num_measured == 1
    assert (0, 1) not in surface.todo()


def test_extremes_are_given_with_their_place():
    # Grid points nearest to the minimum (0.1, -0.2) of the quadratic: (0, -0.25).
    loss, alpha, beta = filled().extreme(np.nanargmin)
    assert (alpha, beta) == (0, -0.25) and loss == pytest.approx(1.015)
    assert filled().extreme(np.nanargmax)[1:] == (-0.5, 0.5)
    assert Surface.empty(3, 1.0).extreme(np.nanargmin) is None


def test_data_loss_is_the_loss_without_regularisation():
    np.testing.assert_allclose(filled().data_loss, filled().loss - 0.25)


def test_a_file_gives_back_the_surface(tmp_path):
    surface = filled()
    surface.record(0, 0, np.nan)
    surface.save(tmp_path / "surface.npz")
    loaded = Surface.load(tmp_path / "surface.npz")
    for name in ("alphas", "betas", "loss", "regularisation", "status"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(surface, name))
        assert getattr(loaded, name).dtype == getattr(surface, name).dtype
    assert loaded.metadata == surface.metadata | {"timing": {}}


def test_the_file_holds_no_pickled_objects(tmp_path):
    filled().save(tmp_path / "surface.npz")
    with np.load(tmp_path / "surface.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
        assert json.loads(str(archive["metadata"]))["key"] == {"seed": 0}


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        Surface.load(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(InputError, match="bad.npz is not a surface"):
        Surface.load(tmp_path / "bad.npz")


def test_an_archive_that_declares_more_than_it_holds_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("alphas.npy", header.getvalue() + bytes(8))
    with pytest.raises(InputError, match=r"bad.npz is not a surface .* bytes cannot hold"):
        Surface.load(tmp_path / "bad.npz")
    with pytest.raises(InputError, match=r"bad.npz is not a file of directions .* bytes cannot hold"):
        Directions.load(tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="bytes cannot hold"):
        load_requests(tmp_path / "bad.npz")


def test_another_archive_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InputError, match="is not a surface"):
        Surface.load(tmp_path / "other.npz")


def test_cells_start_as_not_measured_and_end_as_done():
    assert (Surface.empty(3, 1.0).status == TODO).all()
    assert (filled().status == DONE).all() and filled().complete


def test_even_number_of_points_leaves_the_solution_between_them():
    surface = Surface.empty(4, 0.3)
    np.testing.assert_allclose(surface.alphas, [-0.3, -0.1, 0.1, 0.3], rtol=1e-15)
    assert np.isnan(surface.centre)


def test_limits_are_taken_for_each_axis():
    surface = Surface.empty(5, ((-0.5, 1.5), (0.0, 1.0)))
    np.testing.assert_allclose(surface.alphas, [-0.5, 0, 0.5, 1, 1.5])
    np.testing.assert_allclose(surface.betas, [0, 0.25, 0.5, 0.75, 1])
    assert surface.alphas[1] == 0


def test_line_has_one_beta():
    surface = Surface.empty(5, (0.0, 1.0), line=True)
    assert surface.loss.shape == (5, 1) and surface.betas == [0]
    with pytest.raises(InputError, match="a line"):
        surface.drawable_grid()


def test_centre_is_the_loss_at_the_solution():
    assert filled().centre == pytest.approx(1 + 0.1**2 + 2 * 0.2**2)


def test_predicted_cells_are_marked_and_measured_ones_kept():
    surface = Surface.empty(3, 1.0)
    surface.record(1, 1, 5.0)
    surface.fill(np.full((3, 3), 7.0))
    assert surface.loss[1, 1] == 5 and surface.loss[0, 0] == 7
    assert surface.status[0, 0] == PREDICTED and surface.complete and surface.num_measured == 1
    np.testing.assert_array_equal(surface.measured, surface.status == DONE)


def test_metrics_and_standard_errors_are_kept_in_the_file(tmp_path):
    surface = Surface.empty(3, 1.0)
    surface.record(0, 2, 1.0, metrics={"accuracy": 0.5}, error=0.1)
    surface.save(tmp_path / "surface.npz")
    loaded = Surface.load(tmp_path / "surface.npz")
    assert loaded.metrics["accuracy"][0, 2] == 0.5 and loaded.standard_error[0, 2] == 0.1
    assert np.isnan(loaded.metrics["accuracy"][0, 0])


def test_times_do_not_change_the_file(tmp_path):
    contents = []
    for seconds in (1.0, 2.0):
        surface = filled()
        surface.metadata["timing"] = {"seconds_total": seconds}
        surface.save(tmp_path / "surface.npz")
        contents.append((tmp_path / "surface.npz").read_bytes())
    assert contents[0] == contents[1]
    assert Surface.load(tmp_path / "surface.npz").metadata["timing"] == {"seconds_total": 2.0}


def test_surface_of_the_first_version_is_read(tmp_path):
    old = filled()
    arrays = {name: getattr(old, name) for name in ("alphas", "betas", "loss", "regularisation", "status")}
    np.savez(tmp_path / "old.npz", metadata=np.array(json.dumps({"format": 1, "key": {"n": 5}})), **arrays)
    loaded = Surface.load(tmp_path / "old.npz")
    assert loaded.centre == old.loss[2, 2] and loaded.metadata["key"] == {"n": 5}


def write_changed(path, **changes):
    """Write a surface with other arrays or another record than it has, as a text."""
    filled().save(path)
    with np.load(path) as arrays:
        content = dict(arrays)
    np.savez(path, **content | {name: np.asarray(value) for name, value in changes.items()})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"loss": np.zeros((5, 4))},
            r"its loss is float64 \(5, 4\), expected one number for each of \(5, 5\)",
        ),
        ({"alphas": np.array(["a"])}, "its alphas are .*, expected finite numbers in a row"),
        ({"betas": np.zeros(5)}, "its betas do not rise"),
        ({"status": np.full((5, 5), 9, np.uint8)}, "its status has the value 9, expected 0 to 3"),
        ({"centre": np.zeros(2)}, "centre|only .* arrays can be converted"),
        ({"metadata": '{"format": 2, "finished": true, "directions": {}}'}, '"key" is missing'),
        (
            {"metadata": '{"format": 2, "self_check": {"centre": "x"}}'},
            '"self_check.centre" is .x., expected a number',
        ),
        (
            {"metadata": '{"format": 2, "directions": {"labels": 3}}'},
            '"directions.labels" is 3, expected a list',
        ),
        ({"metadata": "[2]"}, "its record is no table of entries"),
    ],
)
def test_surface_whose_parts_do_not_fit_is_refused_in_words(tmp_path, changes, sentence):
    write_changed(tmp_path / "surface.npz", **changes)
    with pytest.raises(
        InputError, match=f"surface.npz is not a surface that this version can read .*({sentence})"
    ):
        Surface.load(tmp_path / "surface.npz")


def test_damaged_times_of_a_surface_are_named(tmp_path):
    filled().save(tmp_path / "surface.npz")
    for text in ("{", '{"seconds_total": "x"}'):
        (tmp_path / "surface.timing.json").write_text(text)
        with pytest.raises(InputError, match="surface.timing.json is damaged.*; remove it"):
            Surface.load(tmp_path / "surface.npz")
