"""What workers have to agree on before they train: that none met an error, and that all were started alike."""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version

from tfapp import __version__
from tfapp.errors import InputError, changes

# What each worker has to have in the same version: saved variables and steps may differ else.
_PACKAGES = ("tensorflow", "keras", "numpy")


def agree(peers, work):
    """Do something at each worker, and return what all of them got, in their order.

    Args:
        peers: `Peers`.
        work: Function that returns JSON content.

    Raises:
        InputError: It was raised at one of the workers; all others raise it too, so that nobody waits for them.
    """
    own = None
    try:
        told = {"got": work()}
    except InputError as error:
        own, told = error, {"error": str(error)}
    answers = [json.loads(text) for text in peers.exchange(json.dumps(told))]
    if own is not None:
        raise own
    for number, answer in enumerate(answers):
        if "error" in answer:
            raise InputError(f"Worker {number} ({peers.cluster.addresses[number]}): {answer['error']}")
    return [answer["got"] for answer in answers]


def check_alike(peers, config):
    """Raise InputError at all workers if they have other versions, or were started with other options.

    Args:
        peers: `Peers`.
        config: Dataclass of the options.
    """
    own = {
        "versions": {"tfapp": __version__, **{name: version(name) for name in _PACKAGES}},
        # As JSON gives it back: tuples are lists there.
        "options": json.loads(json.dumps(asdict(config))),
    }
    first, *others = agree(peers, lambda: own)
    for number, other in enumerate(others, 1):
        for what in own:
            names = [name for name, value in other[what].items() if value != first[what].get(name)]
            if names:
                raise InputError(
                    f"Worker {number} has other {what} than worker 0: {changes(names, first[what], other[what])}; "
                    f"start all with the same {what}."
                )


@dataclass(frozen=True)
class Followed:
    """What a worker other than the chief has in place of `Checkpoints`: it keeps nothing, the chief does.

    Attributes:
        folder: Folder of the run at the chief.
        epochs: That are done.
        rows: Of the history.
    """

    folder: str
    epochs: int
    rows: list
    unit = "epoch"

    def done(self):
        """Return the number of finished epochs."""
        return self.epochs

    def resume(self):
        """Return (None, epochs that are done, rows of the history): the variables come from the chief."""
        return None, self.epochs, self.rows

    def keep(self, model, rows):
        """Keep nothing."""

    def diverged(self, loss, epoch, step):
        """Return the sentence that the loss became NaN or infinite."""
        return f"The loss became {loss} in epoch {epoch}, step {step}; worker 0 has the last good checkpoint."
