"""The kinds of export, as far as they are known without the model: how answers compare, what a client is told."""

from collections.abc import Callable
from dataclasses import dataclass

from tfapp.export.comparison import compare
from tfapp.export.errors import ExportError
from tfapp.export.pose_comparison import compare_poses
from tfapp.export.scorer_comparison import compare_scores


@dataclass(frozen=True)
class Kind:
    """One kind of export.

    Attributes:
        name: Word that the manifest keeps.
        compare: Function of (request, outputs, tolerance) that returns the largest difference (float or None), the
            share of equal labels (float or None) and a failure sentence (or None).
        summary: Function of the manifest that returns sentences on what is served, a list of str.
        batching: Sentence on requests that the server joins.
    """

    name: str
    compare: Callable
    summary: Callable
    batching: str


def kind_of(manifest):
    """Return the `Kind` of a manifest; folders from before this entry, and of other makers, hold segmenters.

    Raises:
        ExportError: a kind that this version does not know.
    """
    name = manifest.get("kind", SEGMENTER.name)
    if name not in KINDS:
        raise ExportError(f"This was exported by a newer tfapp, as a {name!r}; update tfapp.")
    return KINDS[name]


def _of_segmenter(manifest):
    found = [_images(manifest["images"])] if manifest.get("images") else []
    if names := manifest.get("class_names"):
        found.append(f"Labels: {_numbered(names)}")
    return found


def _of_scorer(manifest):
    return [_images(manifest["images"]), f"Scores and labels: {_numbered(manifest['class_names'])}"]


def _images(images):
    low, high = images["value_range"]
    height, width = images.get("size") or (None, None)
    size = f"{height} pixels high and {width} wide, " if height else ""
    return f"Images: {images['channel_order']}, {size}float32 in [{low:g}, {high:g}] or uint8."


def _numbered(names):
    return ", ".join(f"{number} {name}" for number, name in enumerate(names))


def _of_poses(manifest):
    camera, model = manifest["camera"], manifest["object_model"]
    return [
        f"Poses of {manifest['instances']} instances of a part, from depth in metres of the parts alone, in images "
        f"{camera['height']} pixels high and {camera['width']} wide; 0, NaN or infinite elsewhere.",
        "Camera: {fx:g}, {fy:g} (fx, fy) and {cx:g}, {cy:g} (cx, cy) pixels; images of another one give "
        "wrong poses.".format(**camera),
        f"Object model: {model['points']} points in metres in {model['file']}. {manifest['convention']}",
    ]


SEGMENTER = Kind(
    "segmenter",
    compare,
    _of_segmenter,
    "Leave --enable_batching off, or call serving_bytes only: the server joins requests of different image "
    "sizes by refusing them or by padding the smaller image, files join at any size.",
)
POSE_NETWORK = Kind(
    "pose network",
    compare_poses,
    _of_poses,
    "--enable_batching may be on, as all depth images have one size; a file that cannot be read then fails the "
    "requests that it was joined with.",
)
SCORER = Kind(
    "scorer",
    compare_scores,
    _of_scorer,
    "--enable_batching may be on where all images have one size, and for serving_bytes, where a file that cannot be "
    "read then fails the requests that it was joined with; images of different sizes the server joins by refusing "
    "them or by padding the smaller one.",
)
KINDS = {kind.name: kind for kind in (SEGMENTER, POSE_NETWORK, SCORER)}
