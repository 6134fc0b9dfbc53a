"""Kinds of export: which comparison checks them, and what a client is told of them."""

from collections.abc import Callable
from dataclasses import dataclass

from tfapp.export.comparisons import (
    compare,
    compare_detections,
    compare_poses,
    compare_refined_poses,
    compare_scores,
)
from tfapp.export.engines.catalogue import ENGINES
from tfapp.export.errors import ExportError
from tfapp.records import Entries, Flag, ListOf, Number, Optional, TableOf, Text, Whole


@dataclass(frozen=True)
class Kind:
    """One kind of export.

    Attributes:
        name: Word that the manifest keeps.
        compare: Function of (request, outputs, tolerance) that returns the largest difference (float or None), the
            share of equal labels (float or None) and a failure sentence (or None).
        summary: Function of the manifest that returns sentences on what is served, a list of str.
        entries: What that function needs of the manifest, by the names of the entries.
        batching: Sentence on requests that the server joins.
    """

    name: str
    compare: Callable
    summary: Callable
    entries: dict
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
    found = [_images(manifest["images"]), f"Scores and labels: {_numbered(manifest['class_names'])}"]
    return found


def _of_detector(manifest):
    found = [
        _images(manifest["images"]),
        f"Boxes: at most {manifest['rows']} of an image. {manifest['corners']}",
        f"Classes: {_numbered(manifest['class_names'])}",
    ]
    if not manifest["stored_boxes"]:
        compared = manifest["compared_boxes"]
        found.append(
            "None of the stored requests gives a box, so that `tfapp export verify` compares that nothing is found; "
            + (
                f"{compared} boxes were compared when it was exported."
                if compared
                else "nor did any other request."
            )
        )
    return found


def request_limits(manifest):
    """Sentences on the limit of a request and the status of files; folders from before have neither."""
    found = []
    if manifest.get("max_pixels"):
        found.append(f"A request may hold at most {manifest['max_pixels']:,} pixels, all images together.")
    if manifest.get("max_images"):
        found.append(f"A request of arrays may hold at most {manifest['max_images']} images, however small.")
    if manifest.get("status"):
        found.append("serving_bytes tells the status of each file; a bad one does not fail the others.")
    return found


def further_files(manifest):
    """Sentences on the files for other engines."""
    found = []
    for name, kept in manifest.get("engines", {}).items():
        measured = f"{kept['file']}, for {ENGINES[name].title if name in ENGINES else name}"
        if kept.get("equal_labels") is not None:
            measured += f": {kept['equal_labels']:.2%} of the labels equal"
        if kept.get("max_difference") is not None:
            measured += f", numbers differ by at most {kept['max_difference']:.1e}"
        found.append(f"{measured}.")
    return found


def _images(images):
    low, high = images["value_range"]
    height, width = images.get("size") or (None, None)
    size = f"{height} pixels high and {width} wide, " if height else ""
    return f"Images: {images['channel_order']}, {size}float32 in [{low:g}, {high:g}] or uint8."


def _numbered(names):
    return ", ".join(f"{number} {name}" for number, name in enumerate(names))


def _of_poses(manifest):
    camera = manifest["camera"]
    return [
        f"Poses of {manifest['instances']} instances of a part, from depth in metres of the parts alone, in images "
        f"{camera['height']} pixels high and {camera['width']} wide; 0, NaN or infinite elsewhere.",
        *_camera_and_model(manifest),
    ]


def _of_refined_poses(manifest):
    camera = manifest["camera"]
    return [
        f"Refined poses of {manifest['instances']} instances of a part, or fewer: `found` where there is one; with "
        "residual, margin, shown share and confidence, and the instance of every pixel; from depth in metres of the "
        f"parts alone, in images {camera['height']} pixels high and {camera['width']} wide; 0 or infinite where no "
        "part is, NaN where that is not known.",
        *_camera_and_model(manifest),
    ]


def _camera_and_model(manifest):
    camera, model = manifest["camera"], manifest["object_model"]
    return [
        "Camera: {fx:g}, {fy:g} (fx, fy) and {cx:g}, {cy:g} (cx, cy) pixels; images of another one give "
        "wrong poses.".format(**camera),
        f"Object model: {model['points']} points in metres in {model['file']}. {manifest['convention']}",
    ]


_NAMES = ListOf(Text())
_PIXELS = Entries(
    {"channel_order": Text(), "value_range": ListOf(Number(), 2)}, {"size": Optional(ListOf(Whole(1), 2))}
)
_CAMERA = Entries(
    {**dict.fromkeys(("fx", "fy", "cx", "cy"), Number()), "height": Whole(1), "width": Whole(1)}
)

SEGMENTER = Kind(
    "segmenter",
    compare,
    _of_segmenter,
    {},
    "Leave --enable_batching off, or call serving_bytes only: the server joins requests of different image "
    "sizes by refusing them or by padding the smaller image, files join at any size.",
)
_POSES = {
    "instances": Whole(1),
    "camera": _CAMERA,
    "object_model": Entries({"points": Whole(1), "file": Text()}),
    "convention": Text(),
}
_DEPTH_BATCHING = (
    "--enable_batching may be on, as all depth images have one size; a file that cannot be read then fails the "
    "requests that it was joined with."
)
POSE_NETWORK = Kind("pose network", compare_poses, _of_poses, _POSES, _DEPTH_BATCHING)
REFINED_POSES = Kind("refined poses", compare_refined_poses, _of_refined_poses, _POSES, _DEPTH_BATCHING)
SCORER = Kind(
    "scorer",
    compare_scores,
    _of_scorer,
    {"images": _PIXELS, "class_names": _NAMES},
    "--enable_batching may be on where all images have one size, and for serving_bytes, where a file that cannot be "
    "read then fails the requests that it was joined with; images of different sizes the server joins by refusing "
    "them or by padding the smaller one.",
)
DETECTOR = Kind(
    "detector",
    compare_detections,
    _of_detector,
    {
        "images": _PIXELS,
        "class_names": _NAMES,
        "rows": Whole(1),
        "corners": Text(),
        "stored_boxes": Whole(0),
        "compared_boxes": Whole(0),
        "max_images": Optional(Whole(2)),
    },
    SCORER.batching,
)
# What a manifest may have of any kind.
FURTHER = {
    "kind": Text(),
    "images": Optional(_PIXELS),
    "class_names": Optional(_NAMES),
    "max_pixels": Optional(Whole(1)),
    "status": Optional(Flag()),
    "engines": TableOf(
        Entries(
            {"file": Text()}, {"equal_labels": Optional(Number(0)), "max_difference": Optional(Number(0))}
        )
    ),
}
KINDS = {kind.name: kind for kind in (SEGMENTER, POSE_NETWORK, REFINED_POSES, SCORER, DETECTOR)}
