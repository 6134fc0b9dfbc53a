import subprocess
import sys

import pytest

import tfapp.export


def test_public_names_are_these():
    assert tfapp.export.__all__ == [
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
    assert all(hasattr(tfapp.export, name) for name in tfapp.export.__all__)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'publish'"):
        tfapp.export.publish  # noqa: B018


def test_import_of_the_package_and_of_the_command_leaves_tensorflow_alone():
    code = (
        "import sys, tfapp.export, tfapp.export.errors, tfapp.cli.export; "
        "sys.exit(bool({'tensorflow', 'keras', 'numpy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
