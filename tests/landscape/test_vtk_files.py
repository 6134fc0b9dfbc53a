import base64
from xml.etree import ElementTree

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape import Surface, save_vtp, save_vts

DTYPES = {"Float64": "<f8", "Int64": "<i8", "UInt8": "u1"}


def bowl(nan=(), n=4, range=((-1, 1), (0, 3))):
    surface = Surface.empty(n, range)
    for i, j in surface.todo():
        loss = np.nan if (i, j) in nan else 1 + surface.alphas[i] ** 2 + 10 * surface.betas[j]
        surface.record(i, j, loss, 0.25, {"accuracy": 0.1 * i})
    return surface


def read(path):
    """Read by the format's description alone: base64 of the size in bytes (UInt64) and the numbers."""
    root = ElementTree.parse(path).getroot()
    assert (root.attrib["byte_order"], root.attrib["header_type"]) == ("LittleEndian", "UInt64")
    arrays = {}
    for element in root.iter("DataArray"):
        content = base64.b64decode(element.text, validate=True)
        size = int(np.frombuffer(content[:8], "<u8")[0])
        assert len(content) == 8 + size and element.attrib["format"] == "binary"
        values = np.frombuffer(content[8:], DTYPES[element.attrib["type"]])
        components = int(element.attrib.get("NumberOfComponents", 1))
        arrays[element.attrib["Name"]] = values.reshape(-1, components) if components > 1 else values
    return root, arrays


@pytest.mark.parametrize("save", [save_vts, save_vtp])
def test_every_point_has_its_own_loss_at_its_alpha_and_beta(tmp_path, save):
    save(bowl(), tmp_path / "surface.vt", log=False)
    _, arrays = read(tmp_path / "surface.vt")
    alpha, beta, height = arrays["Points"].T
    np.testing.assert_allclose(arrays["loss"], 1 + alpha**2 + 10 * beta)
    np.testing.assert_array_equal(height, arrays["loss"])
    np.testing.assert_allclose(arrays["accuracy"], 0.1 * np.tile(range(4), 4))
    assert arrays["measured"].tolist() == [1] * 16 and set(arrays["regularisation"]) == {0.25}


def test_the_points_of_a_structured_grid_have_alpha_running_fastest(tmp_path):
    save_vts(bowl(), tmp_path / "surface.vts")
    root, arrays = read(tmp_path / "surface.vts")
    grid = root.find("StructuredGrid")
    assert grid.attrib["WholeExtent"] == grid.find("Piece").attrib["Extent"] == "0 3 0 3 0 0"
    np.testing.assert_allclose(arrays["Points"][:4, 0], np.linspace(-1, 1, 4))
    assert set(arrays["Points"][:4, 1]) == {0.0}


@pytest.mark.parametrize(("log", "expected"), [(None, np.log10), (True, np.log10), (False, np.asarray)])
def test_the_height_is_the_loss_or_its_logarithm(tmp_path, log, expected):
    save_vts(bowl(), tmp_path / "surface.vts", log=log)
    _, arrays = read(tmp_path / "surface.vts")
    np.testing.assert_allclose(arrays["Points"][:, 2], expected(arrays["loss"]))


def test_points_without_a_finite_loss_are_hidden_and_have_finite_coordinates(tmp_path):
    save_vts(bowl(nan={(1, 2)}), tmp_path / "surface.vts", log=False)
    _, arrays = read(tmp_path / "surface.vts")
    assert np.flatnonzero(arrays["vtkGhostType"]).tolist() == [1 + 4 * 2]
    assert arrays["vtkGhostType"].max() == 2 and np.isnan(arrays["loss"][9])
    assert arrays["Points"][9, 2] == np.nanmin(arrays["loss"])


def test_polygons_are_the_cells_in_order_around_their_middle(tmp_path):
    save_vtp(bowl(), tmp_path / "surface.vtp")
    root, arrays = read(tmp_path / "surface.vtp")
    piece = root.find("PolyData/Piece").attrib
    assert (piece["NumberOfPoints"], piece["NumberOfPolys"]) == ("16", "9")
    assert arrays["offsets"].tolist() == list(range(4, 37, 4))
    corners = arrays["Points"][arrays["connectivity"].reshape(9, 4)][..., :2]
    after = np.roll(corners, -1, axis=1)
    # The shoelace formula: positive for a polygon whose corners run anticlockwise.
    areas = 0.5 * (corners[..., 0] * after[..., 1] - after[..., 0] * corners[..., 1]).sum(axis=1)
    np.testing.assert_allclose(areas, 2 / 3)


def test_polygons_leave_out_cells_with_a_corner_that_is_not_finite(tmp_path):
    save_vtp(bowl(nan={(0, 0), (1, 2)}), tmp_path / "surface.vtp")
    _, arrays = read(tmp_path / "surface.vtp")
    assert not {0, 9} & set(arrays["connectivity"].tolist())
    assert len(arrays["offsets"]) == 9 - 1 - 4


def test_predicted_points_are_not_marked_as_measured(tmp_path):
    surface = bowl()
    surface.status[2, 1] = 3
    save_vts(surface, tmp_path / "surface.vts")
    assert np.flatnonzero(read(tmp_path / "surface.vts")[1]["measured"] == 0).tolist() == [2 + 4]


NAN = {(i, j) for i in range(4) for j in range(4)}
REFUSED = {
    "line": (save_vts, Surface.empty(3, line=True), {}, "Received: a line"),
    "nan": (save_vts, bowl(NAN), {}, "only NaN or infinite"),
    "log": (save_vtp, bowl(range=((-1, 1), (-3, 3))), {"log": True}, "log=False, the loss itself"),
    "lone": (save_vtp, bowl(NAN - {(0, 0)}), {}, "Expected a cell with four finite losses"),
}


@pytest.mark.parametrize(("save", "surface", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(tmp_path, save, surface, options, message):
    with pytest.raises(InputError, match=message):
        save(surface, tmp_path / "surface.vt", **options)
    assert not any(tmp_path.iterdir())
