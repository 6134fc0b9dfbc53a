"""Folder of scenes: one depth image each, what is known beside it, and where it is kept."""

import os
import warnings
from functools import cached_property
from pathlib import Path

import numpy as np

from tfapp import records
from tfapp.data.listing import NamedFiles, by_stem, skipped_notice, visible_files
from tfapp.data.number_masks import NumberMasks
from tfapp.errors import InputError
from tfapp.pose.libraries import import_open3d
from tfapp.pose.scenes.camera import read_camera
from tfapp.pose.scenes.depth_images import DEPTH_SUFFIXES, read_depth
from tfapp.pose.scenes.part_masks import read_part_mask
from tfapp.pose.scenes.regions import REGIONS, Regions
from tfapp.records import Anything, Entries, Flag, ListOf, Number, OneOf, Optional, Text, Whole

FOREGROUNDS = ("mask", "plane", "all")


class SceneFolder:
    """Depth images of a part, made by `tfapp pose simulate` or one's own.

    Layout, of which only the first two are needed:

        camera.json             {"width", "height", "fx", "fy", "cx", "cy"} in pixels; "depth_scale": millimetres of
                                one step of a .png, if not 1
        depth/NAME.npy          float (height, width), metres along the optical axis; 0, NaN or infinite where nothing
                                was measured. Or NAME.png with 16 bits, or NAME.exr
        mask/NAME.png           not black where a part is seen
        region.png              not black where parts may be, such as a bin's floor without its walls; for all scenes
        region/NAME.png         the same for one scene each, of a camera that moves
        scenes.json             how the scenes were simulated
        truth/labels/NAME.png   0, or the number 1..N of the instance that is seen
        truth/poses/NAME.json   {"rotation": N matrices 3x3, "translation": N vectors in metres}: from the mesh into the
                                frame of the camera
        truth/object.ply        mesh of the part in metres, the origin at the centre of its bounding box

    What is in `truth` is for evaluation; nothing here reads it unless it is asked for by name.

    Args:
        path: The folder.
        foreground: What counts as a part: "mask" (the masks), "plane" (what stands in front of the dominant plane), or
            "all" (everything that was measured). By default the masks if there are any, else the plane.
        tolerance: Metres that points of the floor may be away from its plane.

    Attributes:
        path, foreground, tolerance: As given or chosen.
        camera: `Camera` of all scenes.
        stems: Names of the scenes, sorted.
        record: Content of `scenes.json`, or None.

    Raises:
        InputError: The folder is missing, is cut short, or something in it does not fit the rest.

    Warns of files in `depth/` that are left out because of their suffix.
    """

    def __init__(self, path, foreground=None, *, tolerance=0.005):
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"Folder {self.path} does not exist; expected a folder of scenes.")
        self.record = read_record(self.path)
        self._depths = scene_files(self.path / "depth", DEPTH_SUFFIXES)
        self.stems = tuple(self._depths)
        if skipped := skipped_notice(self.path / "depth", suffixes=DEPTH_SUFFIXES):
            warnings.warn(skipped, stacklevel=2)
        self._named = NamedFiles(self.path)
        check_whole(self.path, self.stems, self.record, self._named)
        self.camera = read_camera(self.path / "camera.json")
        self.foreground = foreground or ("mask" if (self.path / "mask").is_dir() else "plane")
        # Without a record only one instance is sure.
        self._numbers = NumberMasks(highest=self.instances or 1)
        self._check_foreground()
        self._regions = Regions(self.path, self._named, self._check_size)
        self.tolerance = tolerance

    def __len__(self):
        return len(self.stems)

    @property
    def instances(self):
        """Number of instances in each scene, None if nobody said."""
        return self.record and self.record["instances"]

    @property
    def symmetries(self):
        """Rotations that map the part onto itself: a list of 3x3 matrices or {"axis": [x, y, z]}; None if unknown."""
        return self.record and self.record["symmetries"]

    @property
    def has_truth(self):
        return (self.path / "truth").is_dir()

    def depth(self, index):
        """Return float32 (height, width) in metres along the optical axis; 0 where nothing was measured."""
        file = self._depths[self.stems[index]]
        depth = read_depth(file, self.camera.depth_scale)
        self._check_size(file, depth)
        return depth

    def parts(self, index):
        """Return the depth of the parts alone: float32 (height, width) in metres, 0 everywhere else.

        Raises:
            InputError: No part was measured.
        """
        depth = self.depth(index)
        region = self._regions.of(self.stems[index])
        if region is not None:
            # Before the plane is looked for: with its walls, a bin's floor need not be the dominant one.
            depth = np.where(region, depth, 0)
        mask = getattr(self, f"_{self.foreground}")(index, depth)
        if not mask.any():
            within = "" if region is None else f" within {self._regions.source}"
            raise InputError(
                f"{self._depths[self.stems[index]]} has no foreground ({self.foreground}{within}): nothing of a part "
                "was measured; remove the scene, or choose another foreground of mask, plane and all."
            )
        return np.where(mask, depth, 0).astype(np.float32)

    def mask(self, index):
        """Return bool (height, width): where a part was measured; raises as `parts` does."""
        return self.parts(index) > 0

    def labels(self, index):
        """Return int32 (height, width): 0, or the number 1..N of the instance that is seen."""
        return self._picture(f"truth/labels/{self.stems[index]}.png")

    def poses(self, index):
        """Return the true poses: rotations float64 (N, 3, 3) and translations float64 (N, 3) in metres."""
        file = self._named.path(f"truth/poses/{self.stems[index]}.json")
        try:
            content = records.read_record(file, _POSES, 'expected JSON with "rotation" and "translation".')
        except FileNotFoundError:
            raise InputError(f"{self.path} has no true poses: {file} does not exist.") from None
        if len(content["rotation"]) != len(content["translation"]):
            raise InputError(
                f"{file} has {len(content['rotation'])} rotations but {len(content['translation'])} translations; "
                "expected one of each for every instance."
            )
        rotation, translation = (np.array(content[name], float) for name in ("rotation", "translation"))
        return rotation.reshape(-1, 3, 3), translation.reshape(-1, 3)

    def object_mesh(self):
        """Return the part's mesh: vertices float64 (v, 3) in metres, triangles int32 (t, 3)."""
        return self._object_mesh

    @cached_property
    def _object_mesh(self):
        from tfapp.pose.scenes.mesh_files import read_mesh

        return read_mesh(self.path / "truth" / "object.ply")

    def _mask(self, index, depth):
        file = self._named.path(f"mask/{self.stems[index]}.png")
        mask = read_part_mask(file)
        self._check_size(file, mask)
        return mask & (depth > 0)

    def _plane(self, index, depth):
        points, pixels = self.camera.back_project(depth)
        standing = pixels[in_front_of_floor(points, tolerance=self.tolerance, seed=index)]
        mask = np.zeros(depth.shape, bool)
        mask[tuple(standing.T)] = True
        return mask

    def _all(self, index, depth):
        del index
        return depth > 0

    def _picture(self, name):
        file = self._named.path(name)
        picture = self._numbers.read(file)
        self._check_size(file, picture)
        return picture

    def _check_size(self, file, picture):
        expected = (self.camera.height, self.camera.width)
        if picture.shape != expected:
            raise InputError(
                f"{file} has {picture.shape[1]}x{picture.shape[0]} pixels (width x height), but camera.json is of "
                f"{expected[1]}x{expected[0]}; give the intrinsics of this size."
            )

    def _check_foreground(self):
        if self.foreground not in FOREGROUNDS:
            raise InputError(
                f"Unknown foreground {self.foreground!r}; choose one of {', '.join(FOREGROUNDS)}."
            )
        if self.foreground == "mask" and not (self.path / "mask").is_dir():
            raise InputError(f"{self.path} has no folder mask/; choose the foreground plane or all.")


_BESIDE_DEPTH = {"mask": ".png", REGIONS: ".png", "truth/labels": ".png", "truth/poses": ".json"}


def scene_files(folder, suffixes):
    """Return the files of a folder by stem, sorted.

    Raises:
        InputError: The folder is missing or empty, or two files have one stem.
    """
    files = visible_files(folder, suffixes)
    if not files:
        raise InputError(f"{folder} has no depth images; expected {', '.join(suffixes)} files.")
    by_stem(files, "are both scene {stem}; remove one of them")
    # By the names as they are stored, which later commands compare.
    return {file.stem: file for file in files}


def check_whole(path, stems, record, named) -> None:
    """Raise InputError, which names the first missing file, if a scene lacks what others have or was never made.

    Args:
        path: The folder of scenes.
        stems: Names of the depth images.
        record: Content of `scenes.json`, or None.
        named: `NamedFiles` of the folder.
    """
    missing = [
        f"{folder}/{stem}{suffix}"
        for folder, suffix in _BESIDE_DEPTH.items()
        if (path / folder).is_dir()
        for stem in stems
        if not named.path(f"{folder}/{stem}{suffix}").is_file()
    ]
    if missing:
        raise InputError(
            f"{path} is cut short: {missing[0]} is missing{_and_others(len(missing) - 1)}; {_remedy(record)}"
        )
    if record and len(stems) < record["count"]:
        raise InputError(
            f"{path} is cut short: it holds {len(stems)} of {record['count']} scenes; {_remedy(record)}"
        )


def _and_others(count):
    return f" (and {count} more)" if count else ""


def _remedy(record):
    return (
        "run the same `tfapp pose simulate` again to resume."
        if record
        else "restore it, or remove its scene."
    )


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
_POSES = Entries({"rotation": ListOf(ListOf(_VECTOR, 3)), "translation": ListOf(_VECTOR)})


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


_ITERATIONS = 1000
_FEWEST = 3


def in_front_of_floor(points, *, tolerance=0.005, seed=0):
    """Return bool (k,): whether each point is nearer to the camera than the floor, by more than the tolerance.

    The floor is the plane with the most points near it, found by RANSAC (Fischler and Bolles, *Random Sample
    Consensus*, 1981; Open3D's `segment_plane`). The camera is at the origin. Walls of a bin are not removed: they
    must have been left out before.

    Args:
        points: (k, 3) in metres, in the frame of the camera.
        tolerance: Metres that a point of the floor may be away from its plane: the noise of the camera.
        seed: Of the random samples.
    """
    if len(points) < _FEWEST:
        return np.zeros(len(points), bool)
    open3d = import_open3d()
    open3d.utility.random.seed(seed)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(np.asarray(points, np.float64)))
    plane, _ = cloud.segment_plane(tolerance, _FEWEST, _ITERATIONS)
    normal, offset = plane[:3], plane[3]
    # At the origin the plane's equation has the value `offset`: that sign is the camera's side.
    return np.sign(offset) * (points @ normal + offset) > tolerance
