"""The folder of scenes: one depth image each, what is known beside it, and where it is kept."""

import json
from functools import cached_property
from pathlib import Path

import numpy as np

from tfapp.data.images import read_mask
from tfapp.errors import InputError
from tfapp.pose.scenes.camera import read_camera
from tfapp.pose.scenes.depth_images import DEPTH_SUFFIXES, read_depth
from tfapp.pose.scenes.floor_plane import in_front_of_floor
from tfapp.pose.scenes.record import read_record
from tfapp.pose.scenes.scene_files import check_whole, scene_files

FOREGROUNDS = ("mask", "plane", "all")
REGION = "region.png"


class SceneFolder:
    """Depth images of a part, made by `tfapp pose simulate` or one's own.

    Layout, of which only the first two are needed:

        camera.json             {"width", "height", "fx", "fy", "cx", "cy"} in pixels; "depth_scale": millimetres of
                                one step of a .png, if not 1
        depth/NAME.npy          float (height, width), metres along the optical axis; 0, NaN or infinite where nothing
                                was measured. Or NAME.png with 16 bits, or NAME.exr
        mask/NAME.png           not 0 where a part is seen
        region.png              not 0 where parts may be, such as the floor of a bin without its walls; for all scenes
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
    """

    def __init__(self, path, foreground=None, *, tolerance=0.005):
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"Folder {self.path} does not exist; expected a folder of scenes.")
        self.record = read_record(self.path)
        self._depths = scene_files(self.path / "depth", DEPTH_SUFFIXES)
        self.stems = tuple(self._depths)
        check_whole(self.path, self.stems, self.record)
        self.camera = read_camera(self.path / "camera.json")
        self.foreground = foreground or ("mask" if (self.path / "mask").is_dir() else "plane")
        self._check_foreground()
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
        if self._region is not None:
            # Before the plane is looked for: with its walls, a bin's floor need not be the dominant one.
            depth = np.where(self._region, depth, 0)
        mask = getattr(self, f"_{self.foreground}")(index, depth)
        if not mask.any():
            raise InputError(
                f"{self._depths[self.stems[index]]} has no foreground ({self.foreground}"
                f"{'' if self._region is None else f' within {REGION}'}): nothing of a part was measured; remove the "
                "scene, or choose another foreground of mask, plane and all."
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
        file = self.path / "truth" / "poses" / f"{self.stems[index]}.json"
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            rotation, translation = (np.array(content[name], float) for name in ("rotation", "translation"))
            return rotation.reshape(-1, 3, 3), translation.reshape(-1, 3)
        except FileNotFoundError:
            raise InputError(f"{self.path} has no true poses: {file} does not exist.") from None
        except (ValueError, KeyError, TypeError):
            raise InputError(f'{file} is damaged; expected JSON with "rotation" and "translation".') from None

    def object_mesh(self):
        """Return the part's mesh: vertices float64 (v, 3) in metres, triangles int32 (t, 3)."""
        return self._object_mesh

    @cached_property
    def _object_mesh(self):
        from tfapp.pose.scenes.mesh_files import read_mesh

        return read_mesh(self.path / "truth" / "object.ply")

    @cached_property
    def _region(self):
        return self._picture(REGION) != 0 if (self.path / REGION).is_file() else None

    def _mask(self, index, depth):
        return (self._picture(f"mask/{self.stems[index]}.png") != 0) & (depth > 0)

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
        picture = read_mask(self.path / name)
        self._check_size(self.path / name, picture)
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
