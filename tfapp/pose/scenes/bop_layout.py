"""Layout of a split of a BOP dataset, or of one of its scenes: images of the wanted object, cameras, truth.

The format is described in `docs/bop_datasets_format.md` of the BOP toolkit (T. Hodaň and others, *BOP: Benchmark for 6D
Object Pose Estimation*, ECCV 2018): lengths in millimetres, matrices row by row.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tfapp.data.listing import visible_folders
from tfapp.errors import InputError
from tfapp.pose.scenes.bop_objects import BopObject
from tfapp.pose.scenes.camera import centre_notice
from tfapp.pose.scenes.depth_images import depth_size
from tfapp.pose.scenes.image_cameras import read_image_cameras
from tfapp.pose.scenes.own_layout import CAMERA, depth_files
from tfapp.pose.scenes.part_masks import read_part_mask
from tfapp.records import Entries, ListOf, Number, TableOf, Whole, checked, read_record

# The challenges ask for instances of which at least this share is seen (BOP Challenge 2019, section 3).
LEAST_VISIBLE = 0.1
_CAMERAS = "scene_camera"
_MILLIMETRE = 0.001
_TURNED = 1e-3


def is_bop(path):
    """Return whether a folder is a split of a BOP dataset, or a scene of one.

    Raises:
        InputError: It is a whole dataset.
    """
    path = Path(path)
    if (path / CAMERA).is_file() and (path / "depth").is_dir():
        return False
    if _camera_files(path) or any(_camera_files(folder) for folder in visible_folders(path)):
        return True
    splits = [
        folder.name
        for folder in visible_folders(path)
        if any(_camera_files(inner) for inner in visible_folders(folder))
    ]
    if splits:
        raise InputError(
            f"{path} is a whole BOP dataset; expected one of its splits: {', '.join(splits)}, or a scene of one."
        )
    return False


@dataclass(frozen=True, eq=False)
class _Image:
    """An image of a scene that is taken.

    Attributes:
        scene: Folder of the scene.
        name: Of the image, such as 000003.
        depth: Its depth image.
        instances: Numbers of the annotations of the wanted object, those that are seen well enough first.
        count: How many of these are.
        annotations: What `scene_gt.json` says of the image; None without truth.
    """

    scene: Path
    name: str
    depth: Path
    instances: tuple = ()
    count: int = 0
    annotations: list | None = None


class BopLayout:
    """Files of scenes by the names SCENE_IMAGE, with the attributes and methods of `OwnLayout`.

    Of `scene_gt.json` counts for anything but an evaluation only which images are taken: those that show the object.

    Args:
        path: `Path` of the split or of a scene in it.
        object_id: Number of the object, None for the only one.
        camera_type: Ending of the names of a sensor's files and folders where there are several, such as `photoneo`
            for `scene_camera_photoneo.json`; None for the only one.
        shown: Images are taken that show so many instances of the object; any number but 0, if None.

    Raises:
        InputError: Files are missing or damaged, there is no such object or sensor, or none is chosen of several.
    """

    record = None
    instances = None
    masks = "mask_visib"

    def __init__(self, path, object_id=None, camera_type=None, shown=None):
        self.path = path
        scenes = [path] if _camera_files(path) else _scenes(path)
        self._suffix = _suffix(scenes, camera_type)
        truths = {scene: self._truth(scene) for scene in scenes}
        self.object_id = _object_id(path, truths, object_id)
        images, skipped = [], 0
        for scene in scenes:
            taken, left = self._images(scene, truths[scene], shown)
            images, skipped = images + taken, skipped + left
        wanted = f"{'instances' if shown is None else shown} of object {self.object_id}"
        if not images:
            raise InputError(
                f"{path} has no image that shows {wanted}, each with {LEAST_VISIBLE:.0%} or more of it visible; "
                "choose another `object_id` or number of `instances`."
            )
        self._named = {f"{_scene_name(image.scene)}_{image.name}": image for image in images}
        self.stems = tuple(self._named)
        self.depth_files = {stem: image.depth for stem, image in self._named.items()}
        self.has_truth = images[0].annotations is not None and self.object_id is not None
        self.notices = ()
        if skipped:
            total = len(images) + skipped
            self.notices += (
                f"{skipped} of {total} images in {path} are left out: they do not show {wanted}, each with "
                f"{LEAST_VISIBLE:.0%} or more of it visible.",
            )
        elif object_id is not None and not self.has_truth:
            self.notices += (
                f"{path} has no scene_gt.json, which says what images show: all of them are taken for images of "
                f"object {object_id}.",
            )
        self.cameras = self._read_cameras(scenes)
        doubt = centre_notice(path, self.cameras[self.stems[0]])
        self.notices += (doubt,) if doubt else ()

    @cached_property
    def has_labels(self):
        scenes = {image.scene for image in self._named.values()}
        return self.has_truth and all(self._masks(scene).is_dir() for scene in scenes)

    @property
    def has_masks(self):
        # They are truth: they are read if they are asked for.
        return self.has_labels

    @property
    def has_object_mesh(self):
        return self._object is not None

    @property
    def symmetries(self):
        """As of `SceneFolder`."""
        return self._object and self._object.symmetries

    def size_said(self, camera):
        """Return what says that pictures have the size of a camera, the end of a sentence."""
        first = self.depth_files[self.stems[0]]
        return f"{first} has {camera.width}x{camera.height}; expected one size of all images."

    def part_mask(self, stem):
        """Return (path of a mask, bool (height, width): where the object is seen): the union of its instances."""
        file, labels = self.labels(stem)
        return file, labels > 0

    def mask_files(self, stem):
        """Return the paths of the files that `part_mask` reads."""
        image = self._named[stem]
        return [self._mask_file(image, annotation) for annotation in image.instances]

    def labels(self, stem):
        """Return (path of a mask, int32 (height, width): 0, or the number from 1 of the instance).

        Instances of which too little is seen to count have the numbers after those that count.
        """
        image, picture = self._named[stem], None
        if not image.instances:
            raise InputError(f"{self.path} has no truth of the image {stem}; it tells no instances.")
        for number, annotation in enumerate(image.instances, 1):
            file = self._mask_file(image, annotation)
            mask = read_part_mask(file)
            picture = np.zeros(mask.shape, np.int32) if picture is None else picture
            if mask.shape != picture.shape:
                raise InputError(f"{file} has another size than the mask of the first instance.")
            picture[mask & (picture == 0)] = number
        return file, picture

    def poses(self, stem):
        """Return the rotations float64 (N, 3, 3) and translations float64 (N, 3) in metres of what counts."""
        image = self._named[stem]
        if image.annotations is None:
            raise InputError(f"{self.path} has no true poses: scene_gt.json does not exist.")
        entries = [image.annotations[number] for number in image.instances[: image.count]]
        file = image.scene / f"scene_gt{self._suffix}.json"
        for entry in entries:
            checked(entry, f"{file}, image {image.name},", _POSE, "restore it.")
        rotation = np.array([entry["cam_R_m2c"] for entry in entries], float).reshape(-1, 3, 3)
        products = rotation @ np.swapaxes(rotation, 1, 2)
        if not np.allclose(products, np.eye(3), atol=_TURNED) or (np.linalg.det(rotation) < 0).any():
            raise InputError(f'{file}, image {image.name}, has "cam_R_m2c" that is no rotation.')
        translation = np.array([entry["cam_t_m2c"] for entry in entries], float).reshape(-1, 3)
        return rotation, translation * _MILLIMETRE

    @property
    def object_mesh(self):
        """The object's mesh: vertices float64 (v, 3) in metres, triangles int32 (t, 3)."""
        if self._object is None:
            raise InputError(f"{self.path} has no models/obj_{self.object_id or 0:06d}.ply beside its split.")
        return self._object.mesh

    @cached_property
    def _object(self):
        here = self.path.resolve()
        root = here.parent.parent if _camera_files(here) else here.parent
        return None if self.object_id is None else BopObject.find(root, self.object_id)

    def _mask_file(self, image, annotation):
        return self._masks(image.scene) / f"{image.name}_{annotation:06d}.png"

    def _masks(self, scene):
        return scene / f"{self.masks}{self._suffix}"

    def _truth(self, scene):
        """Return what `scene_gt.json` and `scene_gt_info.json` of a scene say, each None where it is not there."""
        found = []
        for name, kind in (("scene_gt", _TRUTH), ("scene_gt_info", _INFO)):
            try:
                found.append(read_record(scene / f"{name}{self._suffix}.json", kind, "restore it."))
            except FileNotFoundError:
                found.append(None)
        return found

    def _images(self, scene, truth, shown):
        """Return the `_Image`s of a scene that are taken, and how many are not."""
        files, (annotated, seen) = depth_files(scene / f"depth{self._suffix}"), truth
        first = next(iter(files))
        if (scene / "mask" / f"{first}.png").exists():
            raise InputError(
                f"{scene} has masks by image, as no scene of a BOP dataset has, but no {CAMERA}; write the width, "
                "height and usual intrinsics of the images there."
            )
        if annotated is None:
            return [_Image(scene, name, file) for name, file in files.items()], 0
        images = []
        for name, file in files.items():
            entries = annotated.get(_key(name), [])
            shares = None if seen is None else seen.get(_key(name))
            if shares is not None and len(shares) != len(entries):
                raise InputError(
                    f"{scene} has {len(entries)} annotations of the image {name} in scene_gt.json but {len(shares)} in "
                    "scene_gt_info.json; restore them."
                )
            own = [number for number, entry in enumerate(entries) if entry["obj_id"] == self.object_id]
            counted = [n for n in own if shares is None or shares[n]["visib_fract"] >= LEAST_VISIBLE]
            if len(counted) == shown if shown is not None else counted:
                others = [number for number in own if number not in counted]
                images.append(_Image(scene, name, file, (*counted, *others), len(counted), entries))
        return images, len(files) - len(images)

    def _read_cameras(self, scenes):
        # Nothing but the images says how large they are.
        size, cameras = depth_size(self.depth_files[self.stems[0]]), {}
        for scene in scenes:
            names = {image.name: stem for stem, image in self._named.items() if image.scene == scene}
            if names:
                read = read_image_cameras(scene / f"{_CAMERAS}{self._suffix}.json", list(names), size)
                cameras |= {names[name]: camera for name, camera in read.items()}
        return cameras


_VECTOR = ListOf(Number(), 3)
_TRUTH = TableOf(ListOf(Entries({"obj_id": Whole(0)})))
_INFO = TableOf(ListOf(Entries({"visib_fract": Number()})))
_POSE = Entries({"cam_R_m2c": ListOf(Number(), 9), "cam_t_m2c": _VECTOR})


def _camera_files(folder):
    """Return the files of cameras in a scene's folder by the ending of their names, such as "" or "_photoneo"."""
    files = sorted(folder.glob(f"{_CAMERAS}*.json")) if folder.is_dir() else ()
    endings = {file.stem.removeprefix(_CAMERAS): file for file in files}
    return {ending: file for ending, file in endings.items() if not ending or ending.startswith("_")}


def _scene_name(scene):
    """Return the name of a scene in its dataset: that of the folder, or of a link to it, which may have another."""
    return scene.name if scene.name not in ("", "..") else scene.resolve().name


def _scenes(split):
    """Return the scene folders of a split."""
    folders = visible_folders(split)
    scenes = [folder for folder in folders if _camera_files(folder)]
    lacking = next((one for one in folders if one not in scenes and any(one.glob("depth*"))), None)
    if lacking is not None:
        raise InputError(
            f"{split} is cut short: {lacking.name} has no {_CAMERAS}.json, as others have; restore it, or remove this "
            "scene."
        )
    return scenes


def _suffix(scenes, camera_type):
    """Return the ending of the names of the chosen sensor's files."""
    there = sorted(set.intersection(*(set(_camera_files(scene)) for scene in scenes)))
    names = ", ".join(ending[1:] for ending in there if ending)
    if camera_type is not None:
        if f"_{camera_type}" not in there:
            raise InputError(
                f"{scenes[0]} has no {_CAMERAS}_{camera_type}.json; choose `camera_type` of: {names or 'none'}."
            )
        return f"_{camera_type}"
    if "" in there:
        return ""
    if len(there) != 1:
        raise InputError(f"{scenes[0]} has several sensors; choose `camera_type` of: {names or 'none'}.")
    return there[0]


def _object_id(path, truths, wanted):
    """Return the number of the wanted object, None where there is no truth and none was asked for."""
    annotated = {scene: found for scene, (found, _) in truths.items() if found is not None}
    without = next((scene for scene in truths if scene not in annotated), None)
    if annotated and without is not None:
        raise InputError(f"{path} is cut short: {without} has no scene_gt.json, as others have; restore it.")
    ids = sorted(
        {one["obj_id"] for found in annotated.values() for entries in found.values() for one in entries}
    )
    if not annotated or wanted in ids:
        return wanted
    listed = ", ".join(map(str, ids)) or "none"
    if wanted is not None:
        raise InputError(f"{path} has no object {wanted}; choose `object_id` of: {listed}.")
    if len(ids) != 1:
        raise InputError(f"{path} shows several objects; choose `object_id` of: {listed}.")
    return ids[0]


def _key(name):
    """Return the name of an image in the records: its number."""
    return str(int(name)) if name.isascii() and name.isdigit() else name
