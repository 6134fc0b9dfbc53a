"""Reference requests of a pose network: depth images whose poses the Keras model itself computes."""

import numpy as np
import tensorflow as tf

from tfapp.export.pose_network import OUTPUTS
from tfapp.export.requests import BYTES, DEFAULT, Request, decided
from tfapp.export.sample_depth import sample_depth


def stored_pose_requests(network):
    """The requests that go with the artifact: one scene, three with NaN, with infinity and with no part at
    all, and two files."""
    first, second = (sample_depth(network.camera, network.distance, seed) for seed in (1, 2))
    holes = [np.where(first > 0, first, np.nan), np.where(second > 0, second, np.inf), np.zeros_like(first)]
    return [
        depth_request(network, first[np.newaxis]),
        depth_request(network, np.stack(holes)),
        files_request(network, [first, second]),
    ]


def warmup_pose_requests(network):
    """One request per signature, each of a single scene."""
    depth = sample_depth(network.camera, network.distance)
    return [depth_request(network, depth[np.newaxis]), files_request(network, [depth])]


def depth_request(network, depth):
    """`serving_default` on float32 `depth` `(batch, height, width)` in metres."""
    return Request(DEFAULT, {"depth": depth}, keras_poses(network, depth))


def files_request(network, pictures):
    """`serving_bytes` on a list of depth images `(height, width)` in metres, encoded to whole steps."""
    step = network.camera["depth_scale"] / 1000
    whole = np.clip(np.rint(np.stack(pictures) / step), 0, 65535).astype(np.uint16)
    files = [tf.io.encode_png(one[..., np.newaxis]).numpy() for one in whole]
    depth = whole.astype(np.float32) * np.float32(step)
    # An S array drops trailing zero bytes; PNG ends in a constant 0x82.
    return Request(BYTES, {"depth_bytes": np.array(files, "S")}, keras_poses(network, depth))


def keras_poses(network, depth):
    """What the Keras model says, arrays by output alias, and `decided`: in which scenes it has a clear choice
    for all instances.

    On the CPU, as the check runs there: a GPU's TF32 convolutions differ by more than the tolerance.
    """
    with tf.device("cpu:0"):
        found = {alias: value.numpy() for alias, value in network.answer(depth).items()}
    poses = {alias: found[alias] for alias in OUTPUTS}
    return {**poses, "decided": decided(found["choice"], network.tolerance).all(-1)}
