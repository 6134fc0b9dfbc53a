"""Requests for SavedModels of other makers: one generated image per signature that takes images."""

import io

import numpy as np
from PIL import Image

from tfapp.export.requests import Request, sample_image

_FREE_SIZE = 64


def probe_requests(signatures):
    """Make one request for each signature that takes a batch of images.

    Args:
        signatures: What `read_signatures` returns.

    Returns:
        Tuple of a list of `Request` without expected outputs, and a list of the signatures left out.
    """
    requests, skipped = [], []
    for name, signature in signatures.items():
        inputs = signature["inputs"]
        value = _image_for(inputs[0]) if len(inputs) == 1 else None
        if value is None:
            skipped.append(name)
        else:
            requests.append(Request(name, {inputs[0]["alias"]: value}))
    return requests, skipped


def _image_for(tensor):
    shape, dtype = tensor["shape"], tensor["dtype"]
    if dtype == "string" and shape is not None and len(shape) == 1:
        # A string may be a serialized tf.Example as well; only the name tells.
        named = any(word in tensor["alias"] for word in ("image", "bytes", "b64"))
        return np.array([_png()] * (shape[0] or 1), "S") if named else None
    if dtype not in ("float32", "uint8") or shape is None or len(shape) != 4:
        return None
    batch, height, width, channels = (
        size or free for size, free in zip(shape, (1, _FREE_SIZE, _FREE_SIZE, 3), strict=True)
    )
    image = np.repeat(sample_image((height, width), channels)[np.newaxis], batch, axis=0)
    return image if dtype == "uint8" else (image / 255).astype(np.float32)


def _png():
    file = io.BytesIO()
    Image.fromarray(sample_image((_FREE_SIZE, _FREE_SIZE), 3)).save(file, "PNG")
    return file.getvalue()
