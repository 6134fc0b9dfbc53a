import gc

import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset
from tfapp.data.collecting import not_collecting
from tfapp.data.image_facts import image_facts
from tfapp.data.images import read_image
from tfapp.data.mask_files import read_stored
from tfapp.data.opening import FORMATS
from tfapp.errors import InputError


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_is_afterwards_as_it_was_before_also_after_an_error(tmp_path, enabled):
    before = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        with not_collecting():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with pytest.raises(InputError):
            open_dataset(f"folder:{tmp_path}")
        assert gc.isenabled() == enabled
    finally:
        gc.enable() if before else gc.disable()


@pytest.mark.parametrize("suffix", [suffixes[0] for _, _, suffixes in FORMATS])
def test_reading_leaves_no_cycles_behind(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 3, (40, 30), np.uint8)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(pixels).save(path)
    reads = (read_image, image_facts, lambda file: read_stored(file).counts)
    for read in reads:  # what is imported and remembered by the first one
        read(path)
    gc.collect()
    with not_collecting():
        for read in reads:
            read(path)
        assert gc.collect() == 0
