"""Folder of scenes: one depth image each, what is known beside it, and where it is kept."""

import hashlib
import warnings
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from tfapp.data.listing import NamedFiles
from tfapp.errors import InputError
from tfapp.files import content_hash
from tfapp.packed import check_unpacked
from tfapp.pose.scenes.bop_layout import BopLayout, is_bop
from tfapp.pose.scenes.depth_images import read_depth
from tfapp.pose.scenes.floor import in_front_of_floor
from tfapp.pose.scenes.image_cameras import common_camera
from tfapp.pose.scenes.own_layout import OwnLayout
from tfapp.pose.scenes.regions import Regions
from tfapp.pose.scenes.true_values import checked_poses

FOREGROUNDS = ("mask", "plane", "all")
# More names of scenes in a message tell nothing.
_SHOWN = 6


class SceneFolder:
    """Depth images of a part, made by `tfapp pose simulate`, of a BOP dataset or one's own.

    Layout of one's own and of simulated scenes, of which only the first two are needed:

        camera.json             {"width", "height", "fx", "fy", "cx", "cy"} in pixels; "depth_scale": millimetres of
                                one step of a .png or a .tif of whole numbers, if not 1; "depth_unit": "cm" or "mm" of
                                floats and point clouds, if not "m". Organised point clouds tell all but the units.
        depth/NAME.npy          float (height, width), metres along the optical axis; 0, NaN or infinite where nothing
                                was measured. Or NAME.png or NAME.tif with 16 bits, NAME.tif or NAME.exr with floats,
                                or a point cloud NAME.pcd or NAME.ply whose points lie on the pixels of the camera
        scene_camera.json       {NAME: {"cam_K", "depth_scale"}} as BOP has it, or {NAME: {"fx", "fy", "cx", "cy"}}:
                                cameras of single images
        mask/NAME.png           not black where a part is seen
        region.png              not black where parts may be, such as a bin's floor without its walls; for all scenes
        region/NAME.png         the same for one scene each, of a camera that moves
        scenes.json             how the scenes were simulated
        truth/labels/NAME.png   0, or the number 1..N of the instance that is seen
        truth/poses/NAME.json   {"rotation": N matrices 3x3, "translation": N vectors in metres}: from the mesh into the
                                frame of the camera
        truth/object.ply        mesh of the part in metres, the origin at the centre of its bounding box

    What is in `truth` is for evaluation; nothing here reads it unless it is asked for by name.

    Of a BOP dataset it is a split, such as `train_pbr`, or one of its scenes, such as `train_pbr/000000`: a folder
    without `camera.json` that has `scene_camera.json` and `depth/`, or folders which have. Scenes are the images that
    show the object, by the names SCENE_IMAGE; truth is what `scene_gt.json` and `mask_visib/` say of it and the mesh of
    it in `models*/`. The foreground "mask" is the union of its masks in `mask_visib/`.

    Args:
        path: The folder.
        foreground: What counts as a part: "mask" (the masks), "plane" (what stands in front of the dominant plane), or
            "all" (everything that was measured). By default the masks if there are any that are no truth, else the
            plane.
        tolerance: Metres that points of the floor may be away from its plane.
        object_id: Number of the wanted object of a BOP dataset; None for the only one.
        camera_type: Sensor of a BOP dataset with several, such as "photoneo"; None for the only one.
        shown: Of a BOP dataset those images are taken that show so many instances of the object, each with a tenth or
            more of it visible; any number but 0, if None.

    Attributes:
        path, foreground, tolerance: As given or chosen.
        stems: Names of the scenes, sorted.
        record: Content of `scenes.json`, or None.

    Raises:
        InputError: The folder is missing, is cut short, or something in it does not fit the rest.

    Warns of what is left out: files in `depth/` by their suffix, images of a dataset by what they show.
    """

    def __init__(
        self, path, foreground=None, *, tolerance=0.005, object_id=None, camera_type=None, shown=None
    ):
        self.path = Path(path)
        if not self.path.is_dir():
            check_unpacked(self.path)
            raise InputError(f"Folder {self.path} does not exist; expected a folder of scenes.")
        if is_bop(self.path):
            self._layout = BopLayout(self.path, object_id, camera_type, shown)
        else:
            for name, value in (("object_id", object_id), ("camera_type", camera_type)):
                if value is not None:
                    raise InputError(
                        f"`{name}` is for BOP datasets; {self.path} is a folder of another kind."
                    )
            self._layout = OwnLayout(self.path)
        for notice in self._layout.notices:
            warnings.warn(notice, stacklevel=2)
        self.stems, self.record = self._layout.stems, self._layout.record
        own_masks = self._layout.has_masks and isinstance(self._layout, OwnLayout)
        self.foreground = foreground or ("mask" if own_masks else "plane")
        self._check_foreground()
        # The pictures of a folder have one size.
        self._regions = Regions(self.path, NamedFiles(self.path), partial(self._check_size, index=0))
        self.tolerance, self._camera_type = tolerance, camera_type

    def __len__(self):
        return len(self.stems)

    @cached_property
    def camera(self):
        """The `Camera` of all scenes.

        Raises:
            InputError: They have several; `camera_of` tells that of each.
        """
        first = self.camera_of(0)
        if any(self.camera_of(index) != first for index in range(1, len(self))):
            raise InputError(f"The scenes of {self.path} have cameras of their own; `camera_of` tells them.")
        return first

    def camera_of(self, index):
        """Return the `Camera` of a scene."""
        return self._layout.cameras[self.stems[index]]

    @cached_property
    def common_camera(self):
        """The `Camera` of all scenes, or one that sees what all of theirs see: a network looks through it."""
        return common_camera([self.camera_of(index) for index in range(len(self))])

    @property
    def cameras_hash(self):
        """SHA-256, in hexadecimal digits, of the cameras of all scenes in their order; None if they have one."""
        cameras = [self.camera_of(index) for index in range(len(self))]
        if all(camera == cameras[0] for camera in cameras):
            return None
        return hashlib.sha256(repr(cameras).encode()).hexdigest()

    @property
    def chosen_of_dataset(self):
        """What a record keeps of the choice of scenes, and of their cameras: `object`, `camera_type`, `cameras`."""
        kept = {
            "object": self.object_id,
            "camera_type": self._camera_type,
            "cameras": self.cameras_hash,
        }
        return {name: value for name, value in kept.items() if value is not None}

    @property
    def instances(self):
        """Number of instances in each scene, None if nobody said."""
        return self._layout.instances

    @property
    def symmetries(self):
        """Rotations that map the part onto itself: a list of 3x3 matrices or {"axis": [x, y, z]}; None if unknown."""
        return self._layout.symmetries

    @property
    def object_id(self):
        """Number of the object of a BOP dataset, None for folders of another kind or where it is not known."""
        return getattr(self._layout, "object_id", None)

    @property
    def has_truth(self):
        """Whether `poses` are known."""
        return self._layout.has_truth

    @property
    def has_labels(self):
        """Whether `labels` are known."""
        return self._layout.has_labels

    @property
    def has_object_mesh(self):
        """Whether `object_mesh` is known."""
        return self._layout.has_object_mesh

    def depth(self, index):
        """Return float32 (height, width) in metres along the optical axis; 0 where nothing was measured."""
        file, camera = self._depth_file(index), self.camera_of(index)
        depth = read_depth(file, camera.depth_scale, camera.depth_unit, camera)
        self._check_size(file, depth, index)
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
            self.check_masks([index])
            within = "" if region is None else f" within {self._regions.source}"
            raise InputError(
                f"{self._depth_file(index)} has no foreground ({self.foreground}{within}): nothing of a part was "
                "measured; remove the scene, or choose another foreground of mask, plane and all."
            )
        return np.where(mask, depth, 0).astype(np.float32)

    def mask(self, index):
        """Return bool (height, width): where a part was measured; raises as `parts` does."""
        return self.parts(index) > 0

    def content_hash(self, index):
        """Return a SHA-256, in hexadecimal digits, of what `parts` are made from: depth, mask, region and camera.

        Raises:
            InputError: A file is missing or cannot be read.
        """
        stem = self.stems[index]
        masks = self._layout.mask_files(stem) if self.foreground == "mask" else []
        digest = hashlib.sha256(repr(self.camera_of(index)).encode())
        for files in ([self._depth_file(index)], masks, self._regions.files(stem)):
            # How many: the mask of one instance less is another.
            digest.update(bytes([len(files) % 256]))
            for file in files:
                digest.update(content_hash(file))
        return digest.hexdigest()

    def labels(self, index):
        """Return int32 (height, width): 0, or the number 1..N of the instance that is seen.

        In BOP datasets instances of which less than a tenth is visible have numbers beyond N, that of the poses.
        """
        file, picture = self._layout.labels(self.stems[index])
        self._check_size(file, picture, index)
        return picture

    def poses(self, index):
        """Return the true poses: rotations float64 (N, 3, 3) and translations float64 (N, 3) in metres."""
        named = f"The true poses of scene {self.stems[index]} of {self.path}"
        return checked_poses(named, *self._layout.poses(self.stems[index]))

    def check_counts(self, indices):
        """Raise InputError if the truth of scenes, where it is known, counts other instances than `scenes.json`.

        Args:
            indices: Numbers of the scenes.
        """
        if isinstance(self._layout, OwnLayout):
            self._layout.check_counts([self.stems[index] for index in indices])

    def check_masks(self, indices):
        """Raise InputError, which counts them, if masks of scenes are black throughout and they are the foreground.

        Args:
            indices: Numbers of the scenes.
        """
        if self.foreground != "mask":
            return
        stems = [self.stems[index] for index in indices]
        black = [stem for stem in stems if not self._layout.part_mask(stem)[1].any()]
        if black:
            named = ", ".join([*black[:_SHOWN], *["..."] * (len(black) > _SHOWN)])
            masks = self.path / self._layout.masks
            found = (
                f"{len(black)} of {len(stems)} masks in {masks} are"
                if len(stems) > 1
                else f"A mask in {masks} is"
            )
            raise InputError(
                f"{found} black throughout, which shows no part; scenes: {named}. Draw these masks, remove these "
                "scenes, or choose another foreground of plane and all."
            )

    def object_mesh(self):
        """Return the part's mesh: vertices float64 (v, 3) in metres, triangles int32 (t, 3)."""
        return self._layout.object_mesh

    def _depth_file(self, index):
        return self._layout.depth_files[self.stems[index]]

    def _mask(self, index, depth):
        file, mask = self._layout.part_mask(self.stems[index])
        self._check_size(file, mask, index)
        return mask & (depth > 0)

    def _plane(self, index, depth):
        points, pixels = self.camera_of(index).back_project(depth)
        standing = pixels[in_front_of_floor(points, tolerance=self.tolerance, seed=index)]
        mask = np.zeros(depth.shape, bool)
        mask[tuple(standing.T)] = True
        return mask

    def _all(self, index, depth):
        del index
        return depth > 0

    def _check_size(self, file, picture, index):
        camera = self.camera_of(index)
        if picture.shape != (camera.height, camera.width):
            raise InputError(
                f"{file} has {picture.shape[1]}x{picture.shape[0]} pixels (width x height), but "
                f"{self._layout.size_said(camera)}"
            )

    def _check_foreground(self):
        if self.foreground not in FOREGROUNDS:
            raise InputError(
                f"Unknown foreground {self.foreground!r}; choose one of {', '.join(FOREGROUNDS)}."
            )
        if self.foreground == "mask" and not self._layout.has_masks:
            raise InputError(
                f"{self.path} has no folder {self._layout.masks}/; choose the foreground plane or all."
            )
