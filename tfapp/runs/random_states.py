"""States of the random numbers that layers draw, as for dropout: Keras does not keep them in the file of a model."""

from pathlib import Path

import numpy as np

from tfapp.files import write_json
from tfapp.records import ListOf, TableOf, Whole, read_record

FILE = "random-states.json"
# Of how many units they are kept: a model of either of the two newest may be what a training resumes from.
_KEPT = 3
_STATES = TableOf(ListOf(ListOf(Whole(0, 2**32 - 1))))


def _states_of(model):
    return [variable for variable in model.non_trainable_variables if "seed_generator_state" in variable.path]


def keep_random_states(model, folder, number):
    """Write the states of a model, if it has any, before the model itself is written.

    Args:
        model: Keras model.
        folder: Folder of the training.
        number: Epochs, or iterations, that are done.
    """
    states = _states_of(model)
    if not states:
        return
    kept = {one: value for one, value in _read(folder).items() if int(one) < number}
    newest = dict(sorted(kept.items(), key=lambda item: int(item[0]))[-(_KEPT - 1) :])
    newest[str(number)] = [np.asarray(state).tolist() for state in states]
    write_json(Path(folder) / FILE, newest)


def restore_random_states(model, folder, number):
    """Give a model that was loaded the states that it had; of a training of before they were kept, it has new ones.

    Args:
        model: Keras model, changed.
        folder, number: As of `keep_random_states`.

    Raises:
        InputError: The file is damaged.
    """
    states = _states_of(model)
    stored = _read(folder).get(str(number), []) if states else []
    if len(stored) == len(states):
        for state, value in zip(states, stored, strict=True):
            state.assign(np.array(value, np.uint32))


def _read(folder):
    try:
        return read_record(Path(folder) / FILE, _STATES, "remove it, or train again with `overwrite`.")
    except FileNotFoundError:
        return {}
