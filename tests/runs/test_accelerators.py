"""What trainings do where there is a GPU, on a machine that only seems to have one."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.pose.posed_scenes import SETTINGS
from tests.runs.test_fit_or_resume import KEEPERS, begin, data
from tfapp.models import build
from tfapp.pose.distillation.taught_model import TaughtPoseModel
from tfapp.pose.model.pose_model import PoseModel
from tfapp.runs import accelerators
from tfapp.runs.fitting import fit_or_resume
from tfapp.segmentation.compiling import compile_segmenter
from tfapp.transfer.config import NetworkConfig
from tfapp.transfer.network import build_network


@pytest.fixture
def gpu(monkeypatch):
    """Have TensorFlow tell of a GPU, whose memory is that of the CPU."""
    for name in ("list_physical_devices", "get_visible_devices"):
        found = [*getattr(tf.config, name)(), tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")]

        def of_type(kind=None, found=found):
            return [device for device in found if kind in (None, device.device_type)]

        monkeypatch.setattr(tf.config, name, of_type)
    monkeypatch.setattr(accelerators, "DEVICE", "/CPU:0")


def segmenter():
    model = build("unet", 2, 1, head="tv-softmax", base_width=2, depth=1)
    compile_segmenter(model, "adam", 1e-3)
    return model


def transfer_network():
    model = build_network(4, NetworkConfig(hidden=3, clusters=2))
    model.compile("sgd", "mse", jit_compile=accelerators.jit_compile())
    return model


def pose_model():
    model = PoseModel(**SETTINGS)
    model.compile("adam", jit_compile=accelerators.jit_compile())
    return model


def taught_model():
    model = TaughtPoseModel([np.eye(3).tolist()], [0.0, 0.0, 0.0], **SETTINGS)
    model.compile("adam", jit_compile=accelerators.jit_compile())
    return model


@pytest.mark.parametrize("make", [segmenter, transfer_network, pose_model, taught_model])
def test_nothing_is_compiled_by_xla_on_a_cpu(make):
    assert make().jit_compile is False


@pytest.mark.parametrize("make", [segmenter, transfer_network])
def test_networks_of_tensorflow_alone_are_compiled_by_xla_for_a_gpu(make, gpu):
    assert make().jit_compile is True


@pytest.mark.parametrize("make", [pose_model, taught_model])
def test_models_that_call_python_are_not_compiled_by_xla_for_a_gpu(make, gpu):
    assert make().jit_compile is False


def test_gpu_that_the_process_may_not_use_is_none(gpu, monkeypatch):
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: [])
    assert segmenter().jit_compile is False


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_training_that_was_kept_on_a_cpu_is_compiled_where_it_resumes(tmp_path, keeper, gpu):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.config, "get_visible_devices", lambda kind=None: [])
        assert fit_or_resume(keeper(tmp_path), 1, begin, data).model.jit_compile is False
    assert fit_or_resume(keeper(tmp_path), 2, begin, data).model.jit_compile is True


def counted(count):
    return tf.data.Dataset.range(count).apply(tf.data.experimental.assert_cardinality(count))


def test_only_endless_datasets_wait_on_the_gpu(gpu):
    endless = tf.data.Dataset.range(5).repeat()
    waiting = accelerators.waiting_on_accelerator(endless)
    assert waiting is not endless
    assert [int(one) for one in waiting.take(7)] == [0, 1, 2, 3, 4, 0, 1]
    for batches in (counted(3), np.ones((3, 1))):
        assert accelerators.waiting_on_accelerator(batches) is batches


def test_nothing_waits_elsewhere_without_a_gpu():
    endless = tf.data.Dataset.range(5).repeat()
    assert accelerators.waiting_on_accelerator(endless) is endless


ELSEWHERE = """
import keras, numpy as np, tensorflow as tf
from tfapp.runs import accelerators
from tfapp.runs.checkpoints import Checkpoints
from tfapp.runs.fitting import fit_or_resume

two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
accelerators.DEVICE = "/CPU:1"

def stream(count=tf.data.INFINITE_CARDINALITY):
    def batch(i):
        return tf.random.stateless_normal((8, 4), [1, i]), tf.cast(i + tf.range(8, dtype=tf.int64), tf.int32) % 3
    batches = tf.data.Dataset.range(2**40).map(batch).take(count)
    return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(1)

def begin():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model

def fitted():
    data = {"x": stream(), "steps_per_epoch": 4, "validation_data": stream(3)}
    row = lambda model, logs, seconds: {name: float(value) for name, value in logs.items()}
    kept = Checkpoints(OUT / str(accelerators.has_accelerator()))
    return fit_or_resume(kept, 2, begin, lambda done: data, row=row).rows

def where():
    return next(iter(accelerators.waiting_on_accelerator(stream())))[0].device[-5:]

import pathlib, sys
OUT = pathlib.Path(sys.argv[1])
here = where(), fitted()
accelerators.has_accelerator = lambda: True
there = where(), fitted()
assert (here[0], there[0]) == ("CPU:0", "CPU:1"), (here, there)
assert here[1] == there[1], (here, there)
"""


@pytest.mark.slow
def test_training_with_batches_that_wait_on_another_device_has_the_same_history(tmp_path):
    # A second logical CPU stands in for a GPU; devices can be divided only before TensorFlow computes anything.
    result = subprocess.run([sys.executable, "-c", ELSEWHERE, str(tmp_path)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
