"""Initial weights that depend on a seed and on nothing else."""

import random
from contextlib import contextmanager


@contextmanager
def seeded_layers(seed):
    """Give all layers built inside their seeds from this one, and leave every generator outside as it was.

    Keras draws the seed of an initialiser, or of dropout, that was given none from Python's generator, also inside
    keras.applications, where no seed can be passed.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
