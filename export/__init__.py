"""SavedModel export for TensorFlow Serving: write, check through the C++ session, describe.

Importing this package imports neither TensorFlow nor Keras; the first use of a name does.
"""

from importlib import import_module

_HOMES = {
    "Calibration": "calibration",
    "Client": "client.client",
    "ExportError": "errors",
    "ServedModel": "models_config",
    "ServingError": "client.errors",
    "SignatureParity": "verification",
    "VerificationReport": "verification",
    "check_models_config": "models_config",
    "describe": "manifest",
    "export": "segmenter",
    "export_detector": "detector",
    "export_pose_network": "pose",
    "export_refined_poses": "refined_pose",
    "export_scorer": "scorer",
    "verify": "verification",
    "write_models_config": "models_config",
}

__all__ = [
    "Calibration",
    "Client",
    "ExportError",
    "ServedModel",
    "ServingError",
    "SignatureParity",
    "VerificationReport",
    "check_models_config",
    "describe",
    "export",
    "export_detector",
    "export_pose_network",
    "export_refined_poses",
    "export_scorer",
    "verify",
    "write_models_config",
]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
