"""Two trained runs that tests share: on squares without a truth, and on simulated bolts, trained by the command."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.pose.pose_commands import TINY, tfapp
from tests.pose.posed_scenes import CONFIG, write_scenes


@pytest.fixture(scope="session")
def squares_training(once):
    """Namespace of eight `scenes`, the `run` that was trained on them for three epochs, and its TensorBoard `log`.

    It was trained in a process without TensorBoard. Tests take copies of what they change.
    """
    from tfapp.pose.run import PoseRun
    from tfapp.pose.tensorboard import PoseTensorBoard
    from tfapp.pose.training import train

    def make(folder):
        scenes = write_scenes(folder / "squares")
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "tensorboard", None)
            train(scenes, folder / "run", CONFIG, callbacks=[PoseTensorBoard(folder / "log", every=2)])

    folder = once("pose-squares", make)
    run = PoseRun.open(folder / "run")
    # Not the copy: the run is of the scenes that it was trained on.
    return SimpleNamespace(scenes=Path(run.record["data"]["path"]), run=run, log=folder / "log")


@pytest.fixture
def squares_run(squares_training, tmp_path):
    """A copy of the run on squares."""
    from tfapp.pose.run import PoseRun

    return PoseRun.open(shutil.copytree(squares_training.run.path, tmp_path / "run"))


@pytest.fixture(scope="session")
def bolt_training(once):
    """Folder with `scenes` of six pairs of bolts and their truth, and the `run` that the command trained on them."""
    pytest.importorskip("open3d", reason="depth is cast with the extra `pose`")
    pytest.importorskip("mujoco", reason="parts fall with the extra `pose`")

    def make(folder):
        options = "--part bolt --size 48 --scenes 6 --processes 1".split()
        for command in (
            ("simulate", *options, "--out", folder / "scenes"),
            ("train", folder / "scenes", "--out", folder / "run", *TINY),
        ):
            result = tfapp("pose", *command)
            assert result.exit_code == 0, result.output

    return once("pose-bolts", make)


@pytest.fixture(scope="session")
def bolt_scenes(bolt_training):
    from tfapp.pose.run import PoseRun

    return Path(PoseRun.open(bolt_training / "run").record["data"]["path"])


@pytest.fixture(scope="session")
def bolt_run(bolt_training):
    return bolt_training / "run"
