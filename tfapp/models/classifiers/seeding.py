"""Initial weights that depend on a seed and on nothing else."""

import random
import threading
from contextlib import contextmanager

_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def seeded_layers(seed):
    """Give all layers that this thread builds inside their seeds from this one.

    Keras draws the seed of an initialiser, or of dropout, that was given none by Python's `random.randint`, also
    inside keras.applications, where no seed can be passed. Other threads, such as those of a Dask worker, go on
    with the generator that everybody shares: seeding that one would let them take numbers away.
    """
    own, builder = random.Random(seed), threading.get_ident()
    with _ONE_AT_A_TIME:
        shared = random.randint

        def randint(low, high):
            return (own.randint if threading.get_ident() == builder else shared)(low, high)

        random.randint = randint
        try:
            yield
        finally:
            random.randint = shared
