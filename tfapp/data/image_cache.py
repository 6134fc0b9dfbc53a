"""Memory for decoded images: bounded by bytes, shared by threads, each image read by one of them at a time."""

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock


class ImageCache:
    """What was read of images, as long as there is room for it.

    Args:
        limit: Bytes that are kept at most.
        evicting: What to do when it is full: let go of what was used least recently, so that windows of one image that
            follow each other find it, be it larger than the limit; or keep what is there. Where each image is wanted
            once in a pass, and in another order in each, the latter finds more: the share that there is room for.
    """

    def __init__(self, limit, evicting=True):
        self._limit, self._evicting = limit, evicting
        self._kept, self._bytes = OrderedDict(), 0
        self._lock, self._being_read = Lock(), {}

    @property
    def nbytes(self):
        """Bytes that are kept."""
        return self._bytes

    def get(self, name, read):
        """Return the arrays of an image.

        Args:
            name: Its name.
            read: Function that reads it: returns a tuple of arrays. What it raises, all raise that wait for the image.
        """
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
            found = self._being_read.get(name)
            if mine := found is None:
                found = self._being_read[name] = Future()
        if not mine:
            return found.result()
        try:
            arrays = read()
        except BaseException as error:
            with self._lock:
                del self._being_read[name]
            found.set_exception(error)
            raise
        with self._lock:
            self._keep(name, arrays)
            del self._being_read[name]
        found.set_result(arrays)
        return arrays

    def _keep(self, name, arrays):
        size = nbytes(arrays)
        if not self._evicting and self._bytes + size > self._limit:
            return
        self._kept[name] = arrays
        self._bytes += size
        while self._bytes > self._limit and len(self._kept) > 1:
            self._bytes -= nbytes(self._kept.popitem(last=False)[1])


def nbytes(arrays):
    """Return the bytes of a tuple of arrays."""
    return sum(array.nbytes for array in arrays)
