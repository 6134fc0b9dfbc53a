"""Layout of a folder of one's own depth images, or of `tfapp pose simulate`: where each thing about a scene is kept."""

import os
from functools import cached_property, partial

import numpy as np

from tfapp.data.listing import NamedFiles, by_stem, skipped_notice, visible_files
from tfapp.data.number_masks import NumberMasks
from tfapp.errors import InputError
from tfapp.pose.scenes.camera import centre_notice, read_camera
from tfapp.pose.scenes.depth_images import DEPTH_SUFFIXES
from tfapp.pose.scenes.depth_units import check_units
from tfapp.pose.scenes.image_cameras import IMAGE_CAMERAS, read_image_cameras
from tfapp.pose.scenes.lattice import facing, organised_camera, without_camera
from tfapp.pose.scenes.part_masks import read_part_mask
from tfapp.pose.scenes.point_clouds import CLOUD_SUFFIXES, read_cloud
from tfapp.pose.scenes.regions import REGIONS
from tfapp.pose.scenes.scene_record import RECORD, mesh_hash, read_record
from tfapp.pose.scenes.true_values import checked_mesh
from tfapp.records import Entries, ListOf, Number
from tfapp.records import read_record as read_entries

CAMERA = "camera.json"


class OwnLayout:
    """Files of scenes by the names of the scenes, as `SceneFolder` describes them.

    Args:
        path: `Path` of the folder.

    Attributes:
        path: As given.
        record: Content of `scenes.json`, or None.
        stems: Names of the scenes, sorted.
        depth_files: Path of the depth image of each, by its name.
        cameras: `Camera` of each, by its name.
        notices: Sentences on what is left out.

    Raises:
        InputError: The folder is cut short, or its records or cameras do not fit.
    """

    masks = "mask"

    def __init__(self, path):
        self.path = path
        self.record = read_record(path)
        self.depth_files = depth_files(path / "depth")
        self.stems = tuple(self.depth_files)
        skipped = skipped_notice(path / "depth", suffixes=DEPTH_SUFFIXES)
        self.notices = (skipped,) if skipped else ()
        self._named = NamedFiles(path)
        check_whole(path, self.stems, self.record, self._named)
        self.cameras = self._read_cameras()
        doubt = centre_notice(path / CAMERA, self.cameras[self.stems[0]])
        self.notices += (doubt,) if doubt else ()
        # Without a record only one instance is sure.
        self._numbers = NumberMasks(highest=self.instances or 1)

    @property
    def instances(self):
        """Number of instances in each scene, None if nobody said."""
        return self.record and self.record["instances"]

    @property
    def symmetries(self):
        """As of `SceneFolder`."""
        return self.record and self.record["symmetries"]

    @property
    def has_masks(self):
        return (self.path / self.masks).is_dir()

    @property
    def has_truth(self):
        return (self.path / "truth").is_dir()

    has_labels = has_object_mesh = has_truth

    def size_said(self, camera):
        """Return what says that pictures have the size of a camera, the end of a sentence."""
        return f"{CAMERA} is of {camera.width}x{camera.height}; give the intrinsics of this size."

    def part_mask(self, stem):
        """Return (path of the mask, bool (height, width): where a part is seen)."""
        file = self._named.path(f"{self.masks}/{stem}.png")
        return file, read_part_mask(file)

    def mask_files(self, stem):
        """Return the paths of the files that `part_mask` reads."""
        return [self._named.path(f"{self.masks}/{stem}.png")]

    def labels(self, stem):
        """Return (path of the picture, int32 (height, width): 0, or the number from 1 of the instance)."""
        file = self._named.path(f"truth/labels/{stem}.png")
        labels = self._numbers.read(file)
        if self.instances is not None and labels.max(initial=0) > self.instances:
            raise self._miscounted(f"{file} has the label {labels.max()}")
        return file, labels

    def poses(self, stem):
        """Return the true rotations float64 (N, 3, 3) and translations float64 (N, 3) in metres."""
        file = self._named.path(f"truth/poses/{stem}.json")
        try:
            content = read_entries(file, _POSES, 'expected JSON with "rotation" and "translation".')
        except FileNotFoundError:
            raise InputError(f"{self.path} has no true poses: {file} does not exist.") from None
        if len(content["rotation"]) != len(content["translation"]):
            raise InputError(
                f"{file} has {len(content['rotation'])} rotations but {len(content['translation'])} translations; "
                "expected one of each for every instance."
            )
        if self.instances is not None and len(content["rotation"]) != self.instances:
            raise self._miscounted(f"{file} has the poses of {len(content['rotation'])}")
        rotation, translation = (np.array(content[name], float) for name in ("rotation", "translation"))
        return rotation.reshape(-1, 3, 3), translation.reshape(-1, 3)

    def check_counts(self, stems):
        """Raise InputError if the truth of these scenes counts other instances than the record says."""
        if self.instances is None:
            return
        if (self.path / "truth" / "poses").is_dir():
            for stem in stems:
                self.poses(stem)
        folder = self.path / "truth" / "labels"
        if not folder.is_dir():
            return
        # In some scenes a part may be hidden, but not in all; mostly the first shows each.
        most = 0
        for stem in self.stems:
            _, labels = self.labels(stem)
            most = max(most, len(np.unique(labels[labels > 0])))
            if most == self.instances:
                return
        raise self._miscounted(f"no picture in {folder} shows more than {most}")

    def _miscounted(self, found):
        return InputError(
            f"{self.path / RECORD} says that every scene has {self.instances} instances, but {found}; restore what is "
            'wrong, or mend "instances" there.'
        )

    @cached_property
    def object_mesh(self):
        """The part's mesh: vertices float64 (v, 3) in metres, triangles int32 (t, 3).

        Raises:
            InputError: It cannot be read, or is not the one that the scenes were simulated of.
        """
        from tfapp.pose.scenes.mesh_files import read_mesh

        file, known = self.path / "truth" / "object.ply", (self.record or {}).get("mesh")
        remedy = (
            "restore it, or run the same `tfapp pose simulate` again, which writes it and keeps the scenes."
        )
        if known and not os.path.lexists(file):
            raise InputError(f"Mesh {file} does not exist any more; {remedy}")
        mesh = checked_mesh(file, *read_mesh(file))
        found = mesh_hash(*mesh)
        if known and found != known:
            raise InputError(
                f"Mesh {file} is not the one that the scenes were simulated of: its hash is {found}, and scenes.json "
                f"has {known}; {remedy}"
            )
        return mesh

    def _read_cameras(self):
        first = self.depth_files[self.stems[0]]
        of_clouds = partial(self._camera_of_clouds, first) if first.suffix.lower() in CLOUD_SUFFIXES else None
        usual = read_camera(self.path / CAMERA, of_clouds)
        file = self.path / IMAGE_CAMERAS
        if os.path.lexists(file):
            cameras = read_image_cameras(file, self.stems, (usual.width, usual.height), usual)
        else:
            cameras = dict.fromkeys(self.stems, usual)
        check_units(
            self.depth_files,
            cameras,
            lambda field, value: self.path / CAMERA if getattr(usual, field) == value else file,
        )
        return cameras

    def _camera_of_clouds(self, first):
        """Return the `Camera` that the first point cloud tells, or raise InputError which says what it may be."""
        cloud = read_cloud(first)
        if cloud.size is not None:
            return organised_camera(first, facing(cloud.points), cloud.size)
        files = [file for file in self.depth_files.values() if file.suffix.lower() in CLOUD_SUFFIXES]
        raise without_camera(self.path / CAMERA, [facing(read_cloud(file).points) for file in files])


_VECTOR = ListOf(Number(), 3)
_POSES = Entries({"rotation": ListOf(ListOf(_VECTOR, 3)), "translation": ListOf(_VECTOR)})
_BESIDE_DEPTH = {"mask": ".png", REGIONS: ".png", "truth/labels": ".png", "truth/poses": ".json"}


def depth_files(folder):
    """Return the depth images of a folder by their names without suffix, sorted.

    Raises:
        InputError: The folder is missing or empty, or two files have one name.
    """
    files = visible_files(folder, DEPTH_SUFFIXES)
    if not files:
        raise InputError(f"{folder} has no depth images; expected {', '.join(DEPTH_SUFFIXES)} files.")
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
