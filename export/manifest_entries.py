"""What `export.json` holds: entries of every folder, and those of each kind of export.

Later versions may add entries, and folders of earlier ones and of other makers have fewer.
"""

from tfapp.records import Entries, Flag, ListOf, Number, Optional, TableOf, Text, Whole

_TENSOR = Entries({"alias": Text()}, {"meaning": Optional(Text())})
_SIGNATURE = Entries({}, {"inputs": ListOf(_TENSOR), "outputs": ListOf(_TENSOR)})
_IMAGES = Entries(
    {"channel_order": Text(), "value_range": ListOf(Number(), 2)},
    {"size": Optional(ListOf(Whole(least=1), 2))},
)
_PARITY = Entries(
    {"requests": Whole(least=0)},
    dict.fromkeys(("max_difference", "equal_labels", "largest_gap"), Optional(Number())),
)
_CAMERA = Entries(
    {
        **dict.fromkeys(("width", "height"), Whole(least=1)),
        **dict.fromkeys(("fx", "fy", "cx", "cy"), Number()),
    }
)
_SHARED = {
    "format": Whole(),
    "sha256": TableOf(Text()),
    "verification": Entries({"tolerance": Number(above=0)}, {"signatures": TableOf(_PARITY)}),
    "warmup": Entries({"records": Whole(least=0)}, {"note": Optional(Text())}),
}
_FURTHER = {
    "kind": Text(),
    "name": Text(),
    "created_utc": Text(),
    "signatures": TableOf(_SIGNATURE),
    "max_pixels": Optional(Whole(least=1)),
    "status": Optional(Flag()),
    "metadata": TableOf(),
    "images": Optional(_IMAGES),
    "class_names": Optional(ListOf(Text())),
}
_POSES = {
    "camera": _CAMERA,
    "object_model": Entries({"points": Whole(least=0), "file": Text()}),
    "instances": Whole(least=1),
    "convention": Text(),
}
_OF_KINDS = {"scorer": {"images": _IMAGES, "class_names": ListOf(Text())}, "pose network": _POSES}


def fault_of(manifest):
    """Return the first fault of the content of `export.json`, a `tfapp.records.Fault`, None if it is as described."""
    kind = manifest.get("kind") if isinstance(manifest, dict) else None
    own = _OF_KINDS.get(kind, {}) if isinstance(kind, str) else {}
    return Entries(_SHARED | own, {name: entry for name, entry in _FURTHER.items() if name not in own}).fault(
        manifest
    )
