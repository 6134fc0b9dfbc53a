"""Hashes by which a half-finished surface recognises its model, its data and its loss, and whether it resumes."""

import hashlib
import json
import os
import warnings

import keras
import numpy as np

from tfapp.errors import InputError, changes
from tfapp.landscape.code_fingerprint import Fingerprint
from tfapp.landscape.configuration import config_or_none
from tfapp.landscape.surface import Surface

# What a file meant that was written before there was this option.
_EARLIER = {"compute_dtype": "float32"}
# What files of earlier versions do not tell: it is compared where both tell it, and the centre where not.
LOSS_CODE, METRICS, MODEL_CODE, BATCHES, METHOD = (
    "code of the loss",
    "metrics",
    "code of the model",
    "batches of the data",
    "method",
)
# How figures are measured. Files that do not tell it have standard errors without masks and logits, and moving
# statistics that were estimated with all layers in training mode and for one call of a layer in a pass.
CURRENT_METHOD = 2
_LATER = (LOSS_CODE, METRICS, MODEL_CODE, BATCHES, METHOD)
_HASHES = ("weights", "data", "model", "loss", "directions", *_LATER)
# Where version 0.1 had what it registered with Keras. A configuration names the module of every class, but a surface
# is that of the same network when a class of tfapp has moved: hashed are these names, whatever they are today.
_MODULES = {
    "HiddenPointRemoval": "tfapp.layers.hidden_points",
    "FeatureTransfer": "tfapp.layers.feature_transfer",
    "MaxPoolWithIndices": "tfapp.layers.max_pool_with_indices",
    "MaxUnpooling2D": "tfapp.layers.max_unpooling",
    "ProbabilityLogits": "tfapp.layers.probability_logits",
    "RigidTransform": "tfapp.layers.rigid_transform",
    "Rotation": "tfapp.layers.rotation_layer",
    "CropLike": "tfapp.layers.stride_padding",
    "PadToStride": "tfapp.layers.stride_padding",
    "TVReLU": "tfapp.layers.tv_relu",
    "TVSigmoid": "tfapp.layers.tv_sigmoid",
    "TVSoftmax": "tfapp.layers.tv_softmax",
    "CodeDistances": "tfapp.models.classifiers.code_distances",
    "TableConv2D": "tfapp.models.classifiers.connection_table",
    "UniformByFanIn": "tfapp.models.classifiers.fan_in",
    "scaled_tanh": "tfapp.models.classifiers.lenet_1998",
    "LocalResponseNormalization": "tfapp.models.classifiers.response_normalization",
    "SubSampling2D": "tfapp.models.classifiers.sub_sampling",
    "ResizeLike": "tfapp.models.own_size",
    "ResizeTo": "tfapp.models.own_size",
    "OneHotMeanSquaredError": "tfapp.models.regression",
    "SimplexProjection": "tfapp.models.regression",
    "ChamferModel": "tfapp.pose.landscape.chamfer_model",
    "Centroids": "tfapp.pose.model.centroids",
    "AroundCentroids": "tfapp.pose.model.output_layers",
    "Offset": "tfapp.pose.model.output_layers",
    "StopGradient": "tfapp.pose.model.output_layers",
    "UnitQuaternion": "tfapp.pose.model.output_layers",
    "PointMap": "tfapp.pose.model.point_map",
    "PoseModel": "tfapp.pose.model.pose_model",
}


def hash_arrays(arrays) -> str:
    """Return the SHA-256 (hexadecimal) of shapes, dtypes and values of a sequence of arrays, in order."""
    digest = hashlib.sha256()
    for array in (np.asarray("None" if array is None else array) for array in arrays):
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def hash_weights(model: keras.Model) -> str:
    """Hash all weights, moving statistics included, because the loss depends on them too."""
    return hash_arrays(weight.numpy() for weight in model.weights)


def hash_data(x, y, sample_weight=None) -> str:
    """Hash samples, targets and weights; each may be an array or a nest of arrays."""
    present = {
        name: part for name, part in zip("xyw", (x, y, sample_weight), strict=True) if part is not None
    }
    return hash_arrays([np.array(list(present)), *keras.tree.flatten(list(present.values()))])


def hash_model(model: keras.Model) -> str:
    """Hash the architecture, names aside; of a model that cannot describe itself, only the class name."""
    config = config_or_none(model)
    # Keras numbers the layers of a process: built again in a notebook, `dense` is `dense_1`.
    numbers = {layer.name: f"layer {index}" for index, layer in enumerate(model._flatten_layers())}
    return _hash_json([type(model).__qualname__, _as_in_first_version(_renamed(config, numbers))])


def hash_loss(model: keras.Model) -> str:
    """Hash the loss and the loss weights of `model.compile`, as Keras describes them.

    Of what Keras cannot describe, such as a `functools.partial` or a lambda that was typed at a prompt, the code alone
    is hashed, by `code_hashes`. The optimizer and the metrics, which may not tell a configuration, are not asked.
    """
    given = _compiled_with(model)
    try:
        with warnings.catch_warnings():
            # Keras warns that a serialised lambda is unsafe to load; here it is only hashed.
            warnings.filterwarnings("ignore", message=".*lambda.*")
            loss = keras.saving.serialize_keras_object(given.get("loss"))
    except Exception:  # losses of users raise what they like
        loss = "told by its code"
    return _hash_json([_as_in_first_version(loss), given.get("loss_weights")])


def code_hashes(model: keras.Model, *, metrics: bool = True) -> dict:
    """Hash what the loss, the metrics and the layers compute, where a name does not tell it: their code and constants.

    Warns of what cannot be hashed: a stored file cannot be told from one of other such values.

    Args:
        model: compiled Keras model.
        metrics: also of the metrics.
    """
    given = _compiled_with(model)
    code = Fingerprint(model)
    hashes = {LOSS_CODE: code.of([given.get("loss"), given.get("loss_weights")], "the loss")}
    if metrics:
        hashes[METRICS] = code.of([given.get("metrics"), given.get("weighted_metrics")], "the metrics")
    hashes[MODEL_CODE] = code.of_layers("the model")
    if code.unknown:
        warnings.warn(
            f"A change of {' and of '.join(code.unknown)} cannot be noticed when a stored file is used again.",
            stacklevel=3,
        )
    return hashes


def _compiled_with(model):
    """Return the very objects that `compile` was given, to which Keras has no public way."""
    return model._compile_config.config


def is_told(stored: dict, key: dict) -> bool:
    """Return whether a stored key tells all that `key` does; those of earlier versions do not."""
    return all(name in stored for name in _LATER if name in key)


def hash_directions(directions) -> str:
    """Hash the arrays of `Directions`."""
    return hash_arrays([*directions.u, *(directions.v or ())])


def _renamed(content, names):
    """Return a nest of dictionaries and sequences in which every text that is a name is replaced."""
    if isinstance(content, dict):
        return {key: _renamed(value, names) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_renamed(value, names) for value in content]
    return names.get(content, content) if isinstance(content, str) else content


def _as_in_first_version(content):
    """Return a nest of dictionaries and sequences in which what is of tfapp is told as version 0.1 told it.

    Its classes stand where they stood, and options that it did not have are left out where they have their defaults.
    """
    if isinstance(content, list | tuple):
        return [_as_in_first_version(value) for value in content]
    if not isinstance(content, dict):
        return content
    content = {key: _as_in_first_version(value) for key, value in content.items()}
    package, _, name = str(content.get("registered_name")).partition(">")
    if package == "tfapp" and "module" in content:
        # Registered names are unique, so that later ones need no module.
        content["module"] = _MODULES.get(name, package)
        later = getattr(keras.saving.get_registered_object(f"{package}>{name}"), "LATER", {})
        if isinstance(content.get("config"), dict):
            options = content["config"].items()
            content["config"] = {
                option: value for option, value in options if option not in later or value != later[option]
            }
    return content


def _hash_json(content):
    # The class stands for what JSON cannot hold: a repr may contain an address, new in every process.
    text = json.dumps(content, sort_keys=True, default=lambda thing: type(thing).__qualname__)
    return hashlib.sha256(text.encode()).hexdigest()


def resume(path, key: dict, overwrite: bool) -> Surface | None:
    """Return the surface in `path` if it belongs to `key`, None if there is none.

    Args:
        path: file of a surface, or None.
        key: hashes and options that make a surface another one.
        overwrite: start again whatever `path` holds.

    Raises:
        InputError: `path` holds the surface of another key; the message says what changed.
    """
    if path is None or overwrite or not os.path.exists(path):
        return None
    surface = Surface.load(path)
    stored = _EARLIER | surface.metadata.get("key", {})
    untold = [name for name in _LATER if name not in stored]
    changed = [name for name in key if name not in untold and stored.get(name) != key[name]]
    if changed:
        raise InputError(
            f"{path} holds a surface of another setting; changed: {changes(changed, stored, key, _HASHES)}. Choose "
            "another path, or start again with `overwrite`."
        )
    return surface
