"""SavedModel export for TensorFlow Serving: write, check through the C++ session, describe.

Importing this package imports neither TensorFlow nor Keras; the first use of a name does.
"""

from importlib import import_module

_HOMES = {
    "Client": "client.client",
    "ExportError": "errors",
    "ServingError": "client.errors",
    "SignatureParity": "verification",
    "VerificationReport": "verification",
    "describe": "manifest",
    "export": "segmenter",
    "export_pose_network": "pose",
    "export_refined_poses": "refined_pose",
    "export_scorer": "scorer",
    "verify": "verification",
}

__all__ = [
    "Client",
    "ExportError",
    "ServingError",
    "SignatureParity",
    "VerificationReport",
    "describe",
    "export",
    "export_pose_network",
    "export_refined_poses",
    "export_scorer",
    "verify",
]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
