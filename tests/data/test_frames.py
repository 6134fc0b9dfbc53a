import numpy as np

from tfapp.data import Frames, Framing, open_dataset


def test_ignored_pixels_get_class_zero_and_weight_zero(make_folder):
    dataset = open_dataset(f"folder:{make_folder(values=(0, 7, 9), classes=['0 a', '7 b', '9 ignore'])}")
    frames = Frames(dataset, dataset.items, Framing(), [1.0, 3.0])
    _, labels, weights = frames[0]
    raw = dataset.items[0].read_mask()
    assert (labels[raw == 255] == 0).all() and (weights[raw == 255] == 0).all()
    assert (weights[raw == 1] == 3).all() and (weights[raw == 0] == 1).all()


def test_frames_are_the_cut_out_pixels(make_folder):
    dataset = open_dataset(f"folder:{make_folder()}")
    frames = Frames(dataset, dataset.items, Framing(patch=16))
    item, (top, left, *_) = frames.window(7)
    np.testing.assert_array_equal(frames[7][0], item.read_image()[top : top + 16, left : left + 16])


def test_frames_beyond_the_memory_limit_are_read_again(make_folder, monkeypatch):
    dataset = open_dataset(f"folder:{make_folder()}")
    cached = Frames(dataset, dataset.items, Framing())[3]
    monkeypatch.setattr("tfapp.data.frames.MEMORY_LIMIT_BYTES", 0)
    read = Frames(dataset, dataset.items, Framing())
    for one, other in zip(cached, read[3], strict=True):
        np.testing.assert_array_equal(one, other)
    assert read._cache == {}
