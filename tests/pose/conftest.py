"""What the tests of the commands share: six scenes of a bolt with their truth, and a run that was trained on them."""

import pytest

from tests.pose.pose_commands import TINY, tfapp


@pytest.fixture(scope="session")
def bolt_scenes(tmp_path_factory):
    pytest.importorskip("open3d", reason="depth is cast with the extra `pose`")
    pytest.importorskip("mujoco", reason="parts fall with the extra `pose`")
    out = tmp_path_factory.mktemp("scenes") / "bolts"
    options = "--part bolt --size 48 --scenes 6 --processes 1".split()
    result = tfapp("pose", "simulate", *options, "--out", out)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="session")
def bolt_run(bolt_scenes, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "bolts"
    result = tfapp("pose", "train", bolt_scenes, "--out", out, *TINY)
    assert result.exit_code == 0, result.output
    return out
