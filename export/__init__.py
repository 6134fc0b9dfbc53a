"""SavedModel export for TensorFlow Serving: write, check through the C++ session, describe.

Importing this package imports neither TensorFlow nor Keras; the first use of a name does.
"""

from tfapp.lazy_names import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
