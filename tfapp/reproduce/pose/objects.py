"""The six objects of Wu (2020): three like those of its own library, built in, and three of T-LESS, from a folder."""

from pathlib import Path

from tfapp.errors import InputError
from tfapp.packed import check_unpacked

TITLES = {
    "bolt": "Bolt",
    "camera-head": "Camera Head",
    "nut": "Nut",
    "obj-01": "Obj01",
    "obj-14": "Obj14",
    "obj-24": "Obj24",
    "l-bracket": "L-bracket",
}
_T_LESS = {"obj-01": 1, "obj-14": 14, "obj-24": 24}
_SUFFIXES = (".stl", ".ply", ".obj")
# Of the CAD models of T-LESS.
_UNITS = "mm"


def is_mesh(name):
    """Return whether an object is read from a file."""
    return name in _T_LESS


def mesh_file(name, folder):
    """Return the file of an object of T-LESS in a folder, or None: `obj_14` or, as BOP has it, `obj_000014`.

    Args:
        name: obj-01, obj-14 or obj-24.
        folder: Path, or None for none.
    """
    if folder is None:
        return None
    if not Path(folder).is_dir():
        check_unpacked(folder)
        raise InputError(f"{folder} is no folder; expected `meshes` FOLDER with the CAD models of T-LESS.")
    number = _T_LESS[name]
    stems = (f"obj_{number:02d}", f"obj_{number:06d}")
    files = sorted(Path(folder).iterdir())
    return next((one for one in files if one.stem.lower() in stems and one.suffix.lower() in _SUFFIXES), None)


def part_of(name, folder=None):
    """Return the `Part` of an object.

    Args:
        name: One of `TITLES`.
        folder: Of the meshes of T-LESS.

    Raises:
        InputError: Its mesh is not there, or no closed surface.
    """
    from tfapp.pose.simulation.simulate import part_named

    if not is_mesh(name):
        return part_named(name)
    file = mesh_file(name, folder)
    if file is None:
        raise InputError(f"{TITLES[name]} needs its mesh; {_wanted(name, folder)}.")
    return part_named(str(file), _UNITS)


def chosen_objects(usual, text, folder):
    """Return the names of the objects to measure, and a sentence for each that is left out.

    Args:
        usual: Names that are taken where the user says none; those whose meshes are not there are left out.
        text: What the user says, names with commas between, or None.
        folder: Of the meshes of T-LESS, or None.

    Raises:
        InputError: An unknown name, or the mesh of a name that the user says is not there.
    """
    if text is None:
        missing = [name for name in usual if is_mesh(name) and mesh_file(name, folder) is None]
        told = [f"{TITLES[name]} is left out: {_wanted(name, folder)}." for name in missing]
        names = [name for name in usual if name not in missing]
        if not names:
            raise InputError(" ".join(told))
        return names, told
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    unknown = next((name for name in names if name not in TITLES), None)
    if unknown is not None:
        raise InputError(f"Unknown part {unknown!r}; choose some of: {', '.join(TITLES)}.")
    return names, []


def _wanted(name, folder):
    file = f"obj_{_T_LESS[name]:02d}.stl, .ply or .obj"
    return f"{folder} has no {file}" if folder is not None else f"`meshes` FOLDER with {file} is not given"
