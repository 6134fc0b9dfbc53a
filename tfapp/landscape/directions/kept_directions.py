"""The directions of a half-finished surface, kept beside it.

A gradient and eigenvectors are sums that a machine may order differently each time, and come out different in
their last bits; a surface goes on with those that it was begun with.
"""

from dataclasses import replace
from pathlib import Path

from tfapp.landscape.directions.directions import Directions

_COMPUTED = ("gradient", "hessian")
_REQUEST = "request"
_ENDING = "-directions.npz"


def directions_file(path) -> Path:
    """Return the file of the directions of the surface in `path`."""
    return Path(path).with_name(f"{Path(path).stem}{_ENDING}")


def is_directions_file(path) -> bool:
    """Return whether a file is named like that of directions, and is no surface."""
    return Path(path).name.endswith(_ENDING)


def directions_request(directions, hashes: dict, *, seed, layers, biases) -> dict:
    """Return what directions are made from, in types that JSON knows, or {} for those that are made alike each
    time or come from the caller.

    Args:
        directions, seed, layers, biases: as for `landscape`.
        hashes: of the weights and of the data.
    """
    if not (isinstance(directions, str) and directions in _COMPUTED):
        return {}
    layers = layers if layers is None or isinstance(layers, str) else list(layers)
    return {"kind": directions, "seed": int(seed), "layers": layers, "biases": bool(biases), **hashes}


def kept_directions(path, request: dict, overwrite: bool = False) -> Directions | None:
    """Return the directions that the surface in `path` was begun with, None where they are to be made.

    Args:
        path: file of the surface, or None.
        request: what `directions_request` returns; directions kept for another one are left alone.
        overwrite: the surface is begun again.
    """
    if path is None or overwrite or not request:
        return None
    if not (Path(path).exists() and directions_file(path).exists()):
        return None
    kept = Directions.load(directions_file(path))
    metadata = dict(kept.metadata)
    return replace(kept, metadata=metadata) if metadata.pop(_REQUEST, None) == request else None


def keep_directions(path, request: dict, directions: Directions) -> None:
    """Write directions that cannot be made again to the last bit beside the file of their surface."""
    if path is not None and request:
        metadata = directions.metadata | {_REQUEST: request}
        replace(directions, metadata=metadata).save(directions_file(path))
