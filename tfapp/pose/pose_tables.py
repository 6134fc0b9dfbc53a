"""Poses of all segmented scenes in one file: a table (CSV), a list (JSON), or results of the BOP challenge.

Lengths are in metres and quaternions (w, x, y, z), but for BOP's results: "scene_id,im_id,obj_id,score,R,t,time" with R
row by row and t in millimetres, as `bop_toolkit_lib/inout.py` of the BOP toolkit (T. Hodaň and others) reads them. A
point x of the object model is at R x + t in the frame of the camera (x right, y down, z forward).
"""

import csv
import io
import re

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError
from tfapp.files import write_json, write_text
from tfapp.records import Entries, Flag, ListOf, Number, Optional, read_record

# Name of the file of each form.
FILES = {"csv": "poses.csv", "json": "poses.json", "bop": "bop.csv"}
_EVIDENCE = ("residual", "shown", "margin", "confidence")
_VECTOR = ListOf(Number(), 3)
_SCENE = Entries(
    {
        "rotation": ListOf(ListOf(_VECTOR, 3)),
        "translation": ListOf(_VECTOR),
        "reflected": ListOf(Flag()),
    },
    {"chamfer_distance": Number(0), **dict.fromkeys(_EVIDENCE, ListOf(Optional(Number())))},
)
_COLUMNS = ("scene", "instance", *"w x y z".split(), *"tx ty tz".split(), "reflected", *_EVIDENCE)
_BOP_COLUMNS = "scene_id,im_id,obj_id,score,R,t,time".split(",")
_MILLIMETRES = 1000.0
# Of a time that was not measured, and of a pose without confidence.
_NO_TIME, _NO_CONFIDENCE = -1, 1.0


def forms_named(text):
    """Return the forms that a text such as `csv,bop` names, in its order.

    Raises:
        InputError: One of them is none of csv, json and bop.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in FILES:
            raise InputError(f"`poses` must be one or more of {', '.join(FILES)}, with commas; got {name!r}.")
    return names


def check_bop(folder):
    """Raise InputError for a `SceneFolder` whose scenes BOP's results cannot name: they have numbers there."""
    for stem in folder.stems:
        _bop_numbers(stem, folder)


def write_pose_tables(forms, out, folder, frame):
    """Write the poses in `out/poses/NAME.json` of all scenes of a folder as one file for each form.

    Args:
        forms: Names of `FILES`.
        out: `Path` of the folder that `tfapp pose segment` wrote.
        folder: `SceneFolder`.
        frame: Sentence that tells what frame the poses lead from, kept in the JSON.

    Returns:
        The paths of the files.

    Raises:
        InputError: A file of poses is damaged; of BOP's results a pose is mirrored, which they cannot say.
    """
    poses = [pose for stem in folder.stems for pose in _poses_of(out / "poses" / f"{stem}.json", stem)]
    # All that can fail comes before the first file.
    texts = {
        "csv": lambda: _csv_text(_COLUMNS, [_row(pose) for pose in poses]),
        "bop": lambda: _csv_text(_BOP_COLUMNS, [_bop_row(pose, folder) for pose in poses]),
    }
    made = {form: texts[form]() for form in forms if form in texts}
    for form in forms:
        if form == "json":
            content = {"frame": frame, "unit": "m", "quaternion": "w, x, y, z", "poses": poses}
            write_json(out / FILES[form], content)
        else:
            write_text(out / FILES[form], made[form])
    return [out / FILES[form] for form in forms]


def _poses_of(path, stem):
    """Return one dict for each instance of a scene."""
    content = read_record(path, _SCENE, "remove it and segment again.")
    rotation = np.array(content["rotation"], float).reshape(-1, 3, 3)
    lists = [content[name] for name in ("translation", "reflected", *_EVIDENCE) if name in content]
    if any(len(one) != len(rotation) for one in lists):
        raise InputError(f"{path} has lists of several lengths; remove it and segment again.")
    quaternions = _quaternions(rotation)
    return [
        {
            "scene": stem,
            "instance": number + 1,
            "quaternion": quaternions[number].tolist(),
            "rotation": content["rotation"][number],
            "translation": content["translation"][number],
            "reflected": content["reflected"][number],
            **{name: content[name][number] for name in _EVIDENCE if name in content},
        }
        for number in range(len(rotation))
    ]


def _quaternions(rotation):
    """Return the quaternions (n, 4) of rotations (n, 3, 3), w first and not negative."""
    if not len(rotation):
        return np.zeros((0, 4))
    return Rotation.from_matrix(rotation).as_quat(canonical=True, scalar_first=True)


def _row(pose):
    numbers = [*pose["quaternion"], *pose["translation"]]
    evidence = [pose.get(name) for name in _EVIDENCE]
    told = ["" if value is None else repr(float(value)) for value in evidence]
    return [pose["scene"], pose["instance"], *map(repr, numbers), int(pose["reflected"]), *told]


def _bop_row(pose, folder):
    if pose["reflected"]:
        raise InputError(
            f"Scene {pose['scene']} has a mirrored pose, which BOP's results cannot say; leave bop out of `poses`, "
            "or train with one rotation channel."
        )
    scene, image = _bop_numbers(pose["scene"], folder)
    score = pose.get("confidence")
    numbers = (
        " ".join(repr(float(value)) for value in np.ravel(values))
        for values in (pose["rotation"], _MILLIMETRES * np.array(pose["translation"]))
    )
    object_id = 1 if folder.object_id is None else folder.object_id
    return [scene, image, object_id, repr(_NO_CONFIDENCE if score is None else score), *numbers, _NO_TIME]


def _bop_numbers(stem, folder):
    """Return the numbers of the scene and of the image that a name says: SCENE_IMAGE, or IMAGE of scene 0."""
    found = re.fullmatch(r"(?:([0-9]{1,9})_)?([0-9]{1,9})", stem)
    if not found:
        raise InputError(
            f"BOP's results name scenes and images by numbers, and {folder.path} has {stem}; rename it to IMAGE or "
            "SCENE_IMAGE, both of digits, or leave bop out of `poses`."
        )
    return int(found[1] or 0), int(found[2])


def _csv_text(columns, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
