"""The models and the requests of `serving.py`: a small segmenter, images of mixed sizes, files to be refused."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

SIZES = ((16, 16), (33, 47), (64, 20), (64, 64), (96, 80))
SIGNATURE_SIZES = (64, 256, 512)
# One in so many requests is bad.
BAD_IN = 20


@dataclass(frozen=True)
class LoadRequest:
    """A request with the right answer.

    Attributes:
        name: For a person.
        checked: `tfapp.export.requests.Request` with the answer of the Keras model; None where it is bad.
        signature, inputs: What is asked.
        tolerance: Largest accepted difference of two numbers.
    """

    name: str
    signature: str
    inputs: dict
    checked: object = None
    tolerance: float = 0.0

    @property
    def is_bad(self):
        return self.checked is None

    def failure(self, outputs):
        """A sentence if the outputs are not those of Keras, else None."""
        from tfapp.export.comparisons import compare

        arrays = {k: np.asarray(v).astype("S") if v.dtype == object else v for k, v in outputs.items()}
        return compare(self.checked, arrays, self.tolerance)[2]


def _segmenter(base_width, depth):
    import keras

    from tfapp.models import build, stride_of
    from tfapp.models.any_size import fitted

    keras.utils.set_random_seed(0)
    network = build("unet", 3, 3, head="softmax", base_width=base_width, depth=depth)
    return fitted(network, 3, stride=stride_of(network))


def load_model(base):
    """Export a small segmenter; return it, what the export knows of it, and the SavedModel."""
    from tfapp.export import export
    from tfapp.export.segmenter import inspect_model

    model = _segmenter(4, 2)
    return model, inspect_model(model), export(model, base, warmup_sizes=())


def load_requests(segmenter):
    """Return the requests that are drawn from, as often as they stand there: `LoadRequest`s."""
    from tfapp.export.segmenter import SegmenterRequests

    make = SegmenterRequests(segmenter)
    good = []
    for size in SIZES:
        name = f"{size[0]}x{size[1]}"
        good.append((f"floats {name}", make.floats(make.scaled(size))))
        good.append((f"integers {name}", make.integers(make.pixels(size))))
        for kind in ("png", "jpeg"):
            good.append((f"{kind} {name}", make.files([make.encoded(size, kind)])))
    mixed = [make.encoded(size, kind) for size, kind in zip(SIZES, ("png", "jpeg", "png"), strict=False)]
    good.append(("three files", make.files(mixed)))
    found = [
        LoadRequest(name, one.signature, _as_sent(one.inputs), one, segmenter.tolerance) for name, one in good
    ]
    png = mixed[0]
    bad = {
        "no image": b"no image",
        "empty": b"",
        "cut off": png[: len(png) // 2],
        "damaged": png[: len(png) // 2] + png[-12:],
        "TIFF": b"II*\0" + bytes(60),
    }
    refused = [
        LoadRequest(name, "serving_bytes", _as_sent({"image_bytes": [mixed[1], contents]}))
        for name, contents in bad.items()
    ]
    # As many of the bad ones as make them one in twenty.
    times = round(len(refused) * (BAD_IN - 1) / len(found))
    return [request for request in found for _ in range(times)] + refused


def _as_sent(inputs):
    found = {}
    for alias, values in inputs.items():
        if alias != "image_bytes":
            found[alias] = np.asarray(values)
            continue
        found[alias] = np.empty(len(values), object)
        found[alias][:] = [bytes(value) for value in values]
    return found


def signature_model(base):
    """Export a segmenter of base width 8 without and with status, and plainly; return the three SavedModels."""
    from tfapp.export import export

    model = _segmenter(8, 3)
    ours, with_status = (export(model, base, status=status, warmup_sizes=()) for status in (False, True))
    model.export(str(base / "plain"), verbose=False)
    return ours, with_status, base / "plain"


def files_of_sizes():
    """Return encoded images by a name of size and format."""
    from tfapp.export.requests import sample_image

    found = {}
    for size in SIGNATURE_SIZES:
        for kind in ("PNG", "JPEG"):
            file = io.BytesIO()
            Image.fromarray(sample_image((size, size), 3)).save(file, kind)
            found[f"{size}x{size} {kind}"] = file.getvalue()
    return found
