"""Batches of scenes, in an order and turned by angles that depend on the seed and the epoch alone."""

import keras
import numpy as np

from tfapp.pose.turning import turned


class SceneBatches(keras.utils.PyDataset):
    """Batches of (depth, points) for `fit()`; every epoch has its own order.

    Args:
        observations: `Observations`.
        batch_size: Scenes in a batch; the last one of an epoch may have fewer.
        seed: Of the orders.
        first_epoch: Epochs that were trained before: the orders go on.
        camera: `Camera` to turn each scene about, every time by another angle; None to leave them as they are.
    """

    def __init__(self, observations, batch_size, seed, first_epoch=0, camera=None):
        super().__init__()
        self._observations, self._batch_size, self._seed = observations, batch_size, seed
        self._camera = camera
        self._epoch = first_epoch
        self._shuffle()

    def __len__(self):
        return -(-len(self._observations) // self._batch_size)

    def __getitem__(self, index):
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        depth, points = self._observations.depth[chosen], self._observations.points[chosen]
        if self._camera is None:
            return depth, points
        angles = np.random.default_rng([self._seed, self._epoch, index]).uniform(0, 2 * np.pi, len(chosen))
        return turned(depth, points, angles, self._camera)

    def on_epoch_end(self):
        self._epoch += 1
        self._shuffle()

    def _shuffle(self):
        self._order = np.random.default_rng([self._seed, self._epoch]).permutation(len(self._observations))
