import threading

import numpy as np
import pytest

from tfapp.data.image_cache import ImageCache


def reader(log, name, size=100):
    """Return a function that reads an image of so many bytes and notes it."""

    def read():
        log.append(name)
        return (np.full(size, ord(name), np.uint8),)

    return read


def used(cache, names):
    """Return which of these images, in this order, had to be read."""
    log = []
    for name in names:
        (array,) = cache.get(name, reader(log, name))
        assert (array == ord(name)).all()
    return "".join(log)


def test_what_is_kept_is_not_read_again():
    assert used(ImageCache(300), "abcabc") == "abc"


def test_what_was_used_least_recently_goes_first():
    # d takes the place of b: a was used after it.
    assert used(ImageCache(300), "abcadabc") == "abcdb" + "c"


def test_without_eviction_the_first_ones_stay():
    assert used(ImageCache(200, evicting=False), "abcabcabc") == "abc" + "c" + "c"


def test_without_eviction_a_share_of_random_passes_is_found_that_fits():
    rng = np.random.default_rng(0)
    names = "abcdefghij"
    passes = ["".join(rng.permutation(list(names))) for _ in range(20)]
    kept, evicted = ImageCache(500, evicting=False), ImageCache(500)
    assert len(used(kept, "".join(passes))) == 5 + 20 * 5
    assert len(used(evicted, "".join(passes))) > 20 * 8


@pytest.mark.parametrize("limit", [0, 250, 1000])
def test_bytes_stay_within_the_limit_but_for_one_image(limit):
    cache = ImageCache(limit)
    for name in "abcdefgh":
        cache.get(name, reader([], name))
        assert cache.nbytes <= max(limit, 100)


def test_last_image_is_found_again_though_it_is_larger_than_the_limit():
    assert used(ImageCache(0), "aaabbb") == "ab"


def test_image_that_two_threads_want_is_read_once():
    cache, log, begun, go_on = ImageCache(300), [], threading.Event(), threading.Event()

    def slow():
        log.append("a")
        begun.set()
        assert go_on.wait(10)
        return (np.zeros(3),)

    found = []
    first = threading.Thread(target=lambda: found.append(cache.get("a", slow)))
    second = threading.Thread(target=lambda: found.append(cache.get("a", slow)))
    first.start()
    assert begun.wait(10)
    second.start()
    go_on.set()
    first.join()
    second.join()
    assert log == ["a"] and found[0] is found[1]


def test_failure_is_raised_and_the_image_read_anew_the_next_time():
    cache = ImageCache(300)

    def fails():
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        cache.get("a", fails)
    assert used(cache, "a") == "a"
