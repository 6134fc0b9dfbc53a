"""The workers of one training: where each listens, and which of them this process is."""

import json
import os
import re
from dataclasses import dataclass

from tfapp.errors import InputError

# TensorFlow's own variable, that Slurm's resolvers, Kubeflow and Vertex set.
VARIABLE = "TF_CONFIG"
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


@dataclass(frozen=True)
class Cluster:
    """The workers of one training.

    Attributes:
        addresses: Tuple of `HOST:PORT`, the same at each worker and in the same order.
        index: Which of them this process is, from 0. Worker 0, the chief, writes the run.
    """

    addresses: tuple[str, ...]
    index: int

    def __post_init__(self):
        for address in self.addresses:
            _check_address(address)
        if len(self.addresses) < 2 or len(set(self.addresses)) < len(self.addresses):
            raise InputError(
                f"Expected two or more different workers, HOST:PORT each; got {', '.join(self.addresses) or 'none'}."
            )
        if not 0 <= self.index < len(self.addresses):
            raise InputError(
                f"Worker {self.index} is none of the {len(self.addresses)} workers, which are counted from 0; give "
                f"`worker` 0 to {len(self.addresses) - 1}."
            )

    @property
    def is_chief(self):
        return self.index == 0

    @property
    def others(self):
        """(number, address) of each other worker."""
        return [(number, one) for number, one in enumerate(self.addresses) if number != self.index]

    @property
    def place_on_host(self):
        """How many workers before this one are on the same host."""
        hosts = [address.rpartition(":")[0] for address in self.addresses]
        return hosts[: self.index].count(hosts[self.index])

    @property
    def tf_config(self):
        """The text of `TF_CONFIG` that says the same."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": task})


def cluster_from(workers, worker):
    """Return the `Cluster` that options name.

    Args:
        workers: Text, `HOST:PORT` of each worker with commas between.
        worker: Which of them this process is; None if it was not said.

    Raises:
        InputError: They do not name the workers and this one.
    """
    if worker is None:
        raise InputError("`workers` names all workers; `worker` must say which one this is, from 0.")
    return Cluster(tuple(one.strip() for one in workers.split(",")), worker)


def cluster_of_environment():
    """Return the `Cluster` that the variable `TF_CONFIG` names, or None where it names less than two workers.

    Raises:
        InputError: Its content cannot be used.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        content = json.loads(text)
        tasks, task = content.get("cluster") or {}, content.get("task") or {}
        if not set(tasks) <= {"chief", "worker"} or not all(isinstance(one, list) for one in tasks.values()):
            raise ValueError
        chiefs, workers = tasks.get("chief", []), tasks.get("worker", [])
        if len(chiefs) + len(workers) < 2:
            return None
        before = {"chief": 0, "worker": len(chiefs)}[task["type"]]
        if not 0 <= task["index"] < len(tasks[task["type"]]):
            raise ValueError
        return Cluster((*chiefs, *workers), before + task["index"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The variable {VARIABLE} must be JSON with `cluster` (lists of HOST:PORT under `worker`, and perhaps "
            f"`chief`) and `task` (its `type` and `index` among them); got {text[:200]}."
        ) from None


def _check_address(address):
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[2]) < 2**16:
        raise InputError(f"Worker {address!r} is no address; expected HOST:PORT, such as 10.0.0.5:2222.")
