"""Objects of a BOP dataset: the mesh and the symmetries of one, in metres."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tfapp.data.listing import visible_folders
from tfapp.errors import InputError
from tfapp.records import Entries, ListOf, Number, checked, read_json

_MILLIMETRE = 0.001
# Where an object is looked for first: the meshes that the toolkit measures errors with.
_FOLDERS = ("models_eval", "models_cad", "models")
_TURNED = 1e-3
# Of the diameter: what a symmetry may move the origin by; beyond it, translations of symmetric poses differ.
_MOVED = 0.02
# Of the diameter: what a mesh and the record may differ by.
_LARGER = 0.05
_VECTOR = ListOf(Number(), 3)
_INFO = Entries(
    {"diameter": Number(above=0)},
    {
        "symmetries_discrete": ListOf(ListOf(Number(), 16)),
        "symmetries_continuous": ListOf(Entries({"axis": _VECTOR, "offset": _VECTOR})),
    },
)


@dataclass(frozen=True, eq=False)
class BopObject:
    """An object.

    Attributes:
        mesh_file: Path of `obj_ID.ply`, in millimetres.
        info_file: Path of the `models_info.json` that has it, or None.
        info: Its entry there; empty without one.
    """

    mesh_file: Path
    info_file: Path | None
    info: dict

    @classmethod
    def find(cls, root, object_id):
        """Return an object of the dataset in a folder, None if its mesh is not there.

        Args:
            root: `Path` of the dataset, which has the folders `models*/`.
            object_id: Number of the object.

        Raises:
            InputError: `models_info.json` is damaged.
        """
        folders = [folder for folder in visible_folders(root) if folder.name.startswith("models")]
        folders.sort(key=lambda folder: _FOLDERS.index(folder.name) if folder.name in _FOLDERS else 3)
        found = [folder for folder in folders if (folder / _mesh(object_id)).is_file()]
        if not found:
            return None
        # T-LESS has the record of all its models beside each kind of them.
        for folder in (found[0], *folders):
            file = folder / "models_info.json"
            if file.is_file():
                content = checked(read_json(file), file, Entries(), "restore it.")
                if str(object_id) in content:
                    entry = content[str(object_id)]
                    checked(entry, f"{file}, object {object_id},", _INFO, "restore it.")
                    return cls(found[0] / _mesh(object_id), file, entry)
        return cls(found[0] / _mesh(object_id), None, {})

    @cached_property
    def mesh(self):
        """Vertices float64 (v, 3) in metres, triangles int32 (t, 3).

        Raises:
            InputError: The mesh is damaged, or not as large as `models_info.json` says.
        """
        from tfapp.pose.scenes.mesh_files import read_mesh

        vertices, triangles = read_mesh(self.mesh_file)
        if self.info:
            sides, diameter = np.ptp(vertices, axis=0), self.info["diameter"]
            if sides.max() > (1 + _LARGER) * diameter or np.linalg.norm(sides) < (1 - _LARGER) * diameter:
                raise InputError(
                    f"{self.mesh_file} measures {' x '.join(f'{side:.4g}' for side in sides)}, but {self.info_file} "
                    f"says that its diameter is {diameter:.4g}; expected both in millimetres."
                )
        return vertices * _MILLIMETRE, triangles

    @property
    def symmetries(self):
        """A list of 3x3 matrices, and {"axis": [x, y, z]} for one of revolution; None where nothing is said.

        Raises:
            InputError: A matrix is no rotation, there are several axes of revolution, or a symmetry moves the origin,
                so that errors of translations would depend on it.
        """
        if self.info_file is None:
            return None
        where, found = f"{self.info_file}, object {self.mesh_file.stem},", []
        for number, flat in enumerate(self.info.get("symmetries_discrete", [])):
            matrix = np.array(flat, float).reshape(4, 4)
            rotation = matrix[:3, :3]
            turned = np.allclose(rotation @ rotation.T, np.eye(3), atol=_TURNED)
            if not turned or np.linalg.det(rotation) < 0:
                raise InputError(f"{where} has a symmetry (number {number}) that is no rotation; restore it.")
            self._check_moved(where, matrix[:3, 3])
            found.append(rotation.tolist())
        axes = self.info.get("symmetries_continuous", [])
        if len(axes) > 1:
            raise InputError(f"{where} has {len(axes)} axes of revolution; expected at most one.")
        for entry in axes:
            axis, offset = np.array(entry["axis"], float), np.array(entry["offset"], float)
            length = np.linalg.norm(axis)
            if not length:
                raise InputError(f"{where} has an axis of revolution of length 0; restore it.")
            axis /= length
            # A turn by half moves the origin the farthest.
            self._check_moved(where, 2 * (offset - axis * (axis @ offset)))
            found.append({"axis": axis.tolist()})
        return found

    def _check_moved(self, where, shift):
        if np.linalg.norm(shift) > _MOVED * self.info["diameter"]:
            raise InputError(
                f"{where} has a symmetry that moves the origin by {np.linalg.norm(shift):.3g} mm; expected a model "
                "whose origin stays in place, such as the centre of its bounding box."
            )


def _mesh(object_id):
    return f"obj_{object_id:06d}.ply"
