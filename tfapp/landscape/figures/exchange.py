"""Surfaces for other programs: HDF5 for those of Li et al., XML of the Visualization Toolkit for ParaView."""

import base64
import os
from xml.etree import ElementTree

import h5py
import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.landscape.figures.panels import LossScale
from tfapp.landscape.grid import TODO, Grid

_UNFILLED = -1.0
_ACCURACIES = ("accuracy", "acc")


def save_h5(surface: Grid, path: str | os.PathLike, *, dir_file: str = "") -> None:
    """Write the surface as Li et al.'s `plot_surface.py` does.

    Beside their entries there are `measured` (bool, as the losses), since predicted losses stand among the
    measured ones, and every compiled metric under its own name. A loss that was NaN or infinite is NaN, as in
    their files; what is not known is -1.

    Args:
        surface: `Surface`, or a line, complete or not.
        path: the .h5 file, written by write-then-rename.
        dir_file: name of the file of directions, if there is one.
    """
    arrays = {"train_loss": _filled(surface.loss, surface.status != TODO)}
    for name, values in surface.metrics.items():
        arrays[name] = _filled(values, surface.measured)
    accuracy = next((name for name in surface.metrics if _is_accuracy(name)), None)
    if accuracy is not None:
        arrays["train_acc"] = _filled(100 * surface.metrics[accuracy], surface.measured)
    arrays["measured"] = surface.measured
    is_line = len(surface.betas) == 1
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["dir_file"] = dir_file
        file["xcoordinates"] = surface.alphas
        if not is_line:
            file["ycoordinates"] = surface.betas
        for name, values in arrays.items():
            file[name] = values[:, 0] if is_line else values.T


def _filled(values, known):
    return np.where(known, values, _UNFILLED)


def _is_accuracy(name):
    return name.rpartition("/")[2].rpartition("_")[2] in _ACCURACIES


# Both kinds hold one point for every cell of the surface, (alpha, beta, height), alpha running fastest, with the
# losses, the metrics and whether the point was measured as point data. The numbers are base64 of little-endian
# binary, which reads back to the last bit and, unlike decimals, may be NaN.
#
# References:
#     Kitware: VTK XML Formats, docs.vtk.org ("StructuredGrid", "PolyData", inline binary with a UInt64 header;
#     the ghost array "vtkGhostType", whose value 2 hides a point).

_TYPES = {"f8": "Float64", "f4": "Float32", "i8": "Int64", "u1": "UInt8"}
_HIDDEN_POINT = 2


def save_vts(surface: Grid, path: str | os.PathLike, *, log: bool | None = None) -> None:
    """Write the surface as a structured grid (.vts).

    Args:
        surface: `Surface` over a plane, complete or not. Points without a finite loss are hidden.
        path: the file, written by write-then-rename.
        log: height = log10(loss), or the loss itself; None for log10 where the figures have a logarithmic axis.

    Raises:
        InputError: a line, no finite loss, or `log` with losses that are not positive.
    """
    points, height = _points(surface, log)
    extent = f"0 {len(surface.alphas) - 1} 0 {len(surface.betas) - 1} 0 0"
    root, piece = _document("StructuredGrid", {"Extent": extent}, {"WholeExtent": extent})
    hidden = np.where(np.isfinite(height), 0, _HIDDEN_POINT).astype(np.uint8)
    _add_point_data(piece, surface, height, {"vtkGhostType": hidden})
    _add_array(ElementTree.SubElement(piece, "Points"), "Points", points)
    _write(root, path)


def save_vtp(surface: Grid, path: str | os.PathLike, *, log: bool | None = None) -> None:
    """Write the surface as polygons (.vtp), a quadrilateral between each four points with finite losses.

    Args and errors as for `save_vts`; a surface without any quadrilateral is refused too.
    """
    points, height = _points(surface, log)
    quads = _quads(np.isfinite(height.T))
    if not len(quads):
        raise InputError("Expected a cell with four finite losses to write polygons. Received: none.")
    counts = {"NumberOfPoints": len(points), "NumberOfPolys": len(quads)}
    root, piece = _document("PolyData", counts, {})
    _add_point_data(piece, surface, height)
    _add_array(ElementTree.SubElement(piece, "Points"), "Points", points)
    polygons = ElementTree.SubElement(piece, "Polys")
    _add_array(polygons, "connectivity", quads.ravel())
    _add_array(polygons, "offsets", 4 * np.arange(1, len(quads) + 1, dtype=np.int64))
    _write(root, path)


def _points(surface, log):
    """Return float64 (n m, 3), alpha fastest, and the heights (m, n), NaN where the loss is not finite."""
    if len(surface.betas) == 1:
        raise InputError("Expected a surface over a plane for a VTK file. Received: a line; write it as .h5.")
    scale = LossScale.common([surface.loss])
    if log and scale.low <= 0:
        raise InputError(
            f"Expected positive losses for log=True. Received: {scale.low:.4g}; use log=False, the loss itself."
        )
    log = scale.log if log is None else log
    height = np.log10(surface.loss.T) if log else surface.loss.T.copy()
    # Readers take the bounds of a scene from all points, hidden ones too.
    lowest = np.log10(scale.low) if log else scale.low
    x, y = np.meshgrid(surface.alphas, surface.betas)
    drawn = np.where(np.isfinite(height), height, lowest)
    return np.column_stack([x.ravel(), y.ravel(), drawn.ravel()]), height


def _quads(known):
    """Return int64 (k, 4), the corners, anticlockwise, of the cells that are known at all four; known is (n, m)."""
    count = len(known)
    i, j = np.nonzero(known[:-1, :-1] & known[1:, :-1] & known[1:, 1:] & known[:-1, 1:])
    first = (i + count * j).astype(np.int64)
    return np.column_stack([first, first + 1, first + 1 + count, first + count])


def _document(kind, piece, whole):
    root = ElementTree.Element(
        "VTKFile", type=kind, version="1.0", byte_order="LittleEndian", header_type="UInt64"
    )
    grid = ElementTree.SubElement(root, kind, whole)
    return root, ElementTree.SubElement(grid, "Piece", {name: str(value) for name, value in piece.items()})


def _add_point_data(piece, surface, height, further=None):
    data = ElementTree.SubElement(piece, "PointData", Scalars="loss")
    arrays = {"loss": surface.loss, "regularisation": surface.regularisation}
    arrays |= {"standard_error": surface.standard_error, **surface.metrics}
    for name, values in arrays.items():
        _add_array(data, name, values.T.ravel())
    _add_array(data, "height", height.ravel())
    _add_array(data, "measured", surface.measured.T.ravel().astype(np.uint8))
    for name, values in (further or {}).items():
        _add_array(data, name, values.ravel())


def _add_array(parent, name, values):
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    attributes = {"type": _TYPES[values.dtype.str[1:]], "Name": name, "format": "binary"}
    if values.ndim == 2:
        attributes["NumberOfComponents"] = str(values.shape[1])
    content = np.array(values.nbytes, "<u8").tobytes() + values.tobytes()
    ElementTree.SubElement(parent, "DataArray", attributes).text = base64.b64encode(content).decode()


def _write(root, path):
    ElementTree.indent(root)
    with atomic_path(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
