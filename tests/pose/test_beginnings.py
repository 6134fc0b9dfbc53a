"""Where the poses of scenes begin without a network: a clustering, and what is told where it finds too little."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfapp.pose.refinement.beginnings import ClusteringBeginning
from tfapp.pose.scenes.camera import Camera

CAMERA = Camera(32, 32, 60.0, 60.0, 16.0, 16.0)


class Folder:
    """A folder of scenes by the pixels that are measured in each, at half a metre."""

    def __init__(self, **scenes):
        self.stems, self._scenes = list(scenes), list(scenes.values())

    def camera_of(self, index):
        return CAMERA

    def parts(self, index):
        depth = np.zeros((32, 32), np.float32)
        depth[tuple(np.transpose(self._scenes[index]))] = 0.5
        return depth

    depth = parts


def squares(*corners, side=6):
    """Return the pixels of squares by their upper left corners."""
    rows, columns = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    square = np.stack([rows, columns], -1).reshape(-1, 2)
    return np.concatenate([square + corner for corner in corners])


THREE = squares((1, 1), (1, 20), (20, 10))


def scenes_of(folder, instances=(3, 3)):
    return ClusteringBeginning(instances).scene_set(
        folder, SimpleNamespace(indices=np.arange(len(folder.stems)))
    )


def test_scenes_of_parts_that_lie_apart_begin_with_each_of_them():
    [labels] = scenes_of(Folder(apart=THREE)).labels
    whole = labels.reshape(3, 36)
    assert (np.sort(whole, None).reshape(3, 36) == [[0], [1], [2]]).all()  # as many points of each
    assert len({tuple(set(one)) for one in scenes_of(Folder(apart=THREE)).labels}) == 1


def test_scene_with_fewer_pixels_than_parts_is_named_in_a_warning():
    folder = Folder(apart=THREE, bare=[(5, 5), (9, 9)])
    with pytest.warns(
        UserWarning, match="The clustering of scene bare found fewer than 3 instances"
    ) as warned:
        scenes = scenes_of(folder)
    assert len(warned) == 1
    np.testing.assert_array_equal(scenes.labels[1], [0, 1])


def test_scenes_with_fewer_clusters_are_one_sentence_with_their_number(monkeypatch):
    monkeypatch.setattr(
        "tfapp.pose.refinement.beginnings.spectral_clustering",
        lambda points, count, **options: np.zeros(len(points), int),
    )
    with pytest.warns(
        UserWarning, match="The clustering of 2 scenes, such as one, found fewer than 3"
    ) as warned:
        scenes_of(Folder(one=THREE, two=THREE))
    assert len(warned) == 1


def test_one_instance_needs_no_clustering():
    assert not np.any(scenes_of(Folder(one=squares((3, 3))), (1, 1)).labels[0])
