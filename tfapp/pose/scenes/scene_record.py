"""Record of simulated scenes, `scenes.json`: how they were made."""

import hashlib
import os

import numpy as np

from tfapp import records
from tfapp.errors import InputError
from tfapp.records import Anything, Entries, Flag, ListOf, Number, OneOf, Optional, Text, Whole

RECORD = "scenes.json"
FORMAT = "tfapp scenes"
VERSION = 2
_ANY_VERSION = Entries({"format": OneOf((FORMAT,)), "version": Whole(1)})
_VECTOR = ListOf(Number(), 3)


class _Symmetry(Anything):
    """A rotation as a matrix, or an axis of revolution."""

    wanted = 'a matrix 3x3 or {"axis": [x, y, z]}'

    def fault(self, value, where=""):
        kind = Entries({"axis": _VECTOR}) if isinstance(value, dict) else ListOf(_VECTOR, 3)
        return kind.fault(value, where)


_ENTRIES = Entries(
    {
        "part": Text(),
        "instances": Whole(1),
        "bin": Number(above=0),
        "camera_distance": Number(above=0),
        "tilt": Number(0, 90),
        "symmetries": ListOf(_Symmetry()),
        "count": Whole(0),
    },
    {
        "mesh": Text(),
        "size": Whole(1),
        "seed": Whole(0),
        "command": Optional(Text()),
        "sensor": Text(),
        "effects": ListOf(Text()),
        "true_mask": Flag(),
    },
)


def read_record(path):
    """Return the content of `scenes.json` in a folder, None if there is none.

    Raises:
        InputError: It is damaged, or of a newer version.
    """
    file, remedy = path / RECORD, "restore it, or simulate again with `overwrite`."
    if not os.path.lexists(file):
        return None
    record = records.read_record(file, _ANY_VERSION, remedy)
    if record["version"] > VERSION:
        raise InputError(
            f"{path} was written by a newer tfapp (scenes version {record['version']}, this one reads up to "
            f"{VERSION}); update tfapp."
        )
    return records.checked(record, file, _ENTRIES, remedy)


def mesh_hash(vertices, triangles):
    """Return what `scenes.json` keeps of the mesh of the part as `mesh`: 16 hexadecimal digits.

    Args:
        vertices: (v, 3), metres; they count to a nanometre: the last digits of a scaling may differ between machines.
        triangles: Whole numbers (t, 3).
    """
    shape = np.concatenate([(vertices * 1e9).round().ravel(), triangles.ravel()])
    return hashlib.sha256(shape.astype(np.int64).tobytes()).hexdigest()[:16]
