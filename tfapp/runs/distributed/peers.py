"""What the workers of a training tell each other: sums of tensors, short texts, and the variables of the chief."""

import socket
import time
from contextlib import contextmanager, suppress

import numpy as np
import tensorflow as tf

from tfapp.errors import InputError, WorkFailed

# Another worker is missing for so long before its absence is told, and told again; it is looked for so often.
_TELL_SECONDS, _TRY_SECONDS = 10, 0.5
_SUM = tf.distribute.ReduceOp.SUM


class PeerLost(WorkFailed):
    """Another worker ended in the middle of the work; from the last checkpoint on all can resume."""


class Peers:
    """Connection of this worker with all others, by TensorFlow's MultiWorkerMirroredStrategy.

    Only its collective operations are used: each worker has ordinary variables of its own, which stay equal because
    each step adds up the same gradients everywhere. All workers have to call the same methods in the same order.
    """

    def __init__(self, cluster, timeout=600, say=lambda sentence: None):
        """Wait until all workers are there.

        Nothing of TensorFlow may have computed in this process before.

        Args:
            cluster: `Cluster`.
            timeout: Seconds that they are waited for.
            say: Function of a sentence, on workers that are waited for.

        Raises:
            InputError: The port of this worker is taken, or the name of a host is unknown.
            WorkFailed: A worker is missing for too long.
            PeerLost: One ended while they met.
        """
        self.cluster = cluster
        self.count = len(cluster.addresses)
        _check_names(cluster)
        _take_one_device(cluster.place_on_host)
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
            task_type="worker",
            task_id=cluster.index,
            rpc_layer="grpc",
        )
        _gather(cluster, timeout, say)
        with peer_losses():
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)

    @property
    def is_chief(self):
        return self.cluster.is_chief

    def run(self, function, *arguments):
        """Return what a function of tensors returns within which `added` may be called."""
        return self._strategy.run(function, args=arguments)

    @staticmethod
    def added(tensors):
        """Return the sums over all workers of a list of tensors, within a function that is `run`."""
        context = tf.distribute.get_replica_context()
        found = [None] * len(tensors)
        # Those that are added in one go must have one type.
        for dtype in dict.fromkeys(one.dtype for one in tensors):
            places = [place for place, one in enumerate(tensors) if one.dtype == dtype]
            for place, total in zip(
                places, context.all_reduce(_SUM, [tensors[i] for i in places]), strict=True
            ):
                found[place] = total
        return found

    def sums(self, tensors):
        """Return the sums over all workers of a list of tensors."""
        # Copies, as what is added has to lie at the device of this worker.
        return self.run(lambda *some: self.added([tf.identity(one) for one in some]), *tensors)

    def exchange(self, text):
        """Return the texts of all workers, in their order."""
        data = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        lengths = np.zeros(self.count, np.int64)
        lengths[self.cluster.index] = len(data)
        with peer_losses():
            (lengths,) = self._sums_now([tf.constant(lengths)])
            content = np.zeros((self.count, max(1, lengths.numpy().max())), np.int32)
            content[self.cluster.index, : len(data)] = data
            (content,) = self._sums_now([tf.constant(content)])
        rows = zip(content.numpy(), lengths.numpy(), strict=True)
        return [row[:length].astype(np.uint8).tobytes().decode() for row, length in rows]

    def take_from_chief(self, variables):
        """Set variables, in the same order everywhere, to what they are at the chief."""
        values = [tf.convert_to_tensor(one) for one in variables]
        # Collective operations know few types.
        wide = [tf.cast(one, tf.int64) if _counts(one) else one for one in values]
        with peer_losses():
            chiefs = self._sums_now(wide if self.is_chief else [tf.zeros_like(one) for one in wide])
        for variable, value, chief in zip(variables, values, chiefs, strict=True):
            variable.assign(tf.cast(chief, value.dtype))

    def _sums_now(self, tensors):
        # Traced for this one call: collective operations outside of a graph wait for each other one by one.
        return tf.function(self.sums, autograph=False).get_concrete_function(tensors)(tensors)


def _counts(tensor):
    return tensor.dtype.is_integer or tensor.dtype.is_bool


@contextmanager
def peer_losses():
    """Turn TensorFlow's errors of a connection that broke, within the block, into `PeerLost`."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        raise PeerLost("Another worker of the training ended; start it again, and all resume.") from error
    except (tf.errors.InternalError, tf.errors.DeadlineExceededError, tf.errors.UnknownError) as error:
        # How a lost peer shows itself depends on what was under way.
        if "ollective" not in str(error) and "oordination" not in str(error):
            raise
        raise PeerLost("Another worker of the training ended; start it again, and all resume.") from error


def _check_names(cluster):
    for number, address in enumerate(cluster.addresses):
        host, _, port = address.rpartition(":")
        try:
            socket.getaddrinfo(host.strip("[]"), int(port))
        except OSError as error:
            raise InputError(
                f"The host of worker {number}, {address}, is unknown ({error.strerror})."
            ) from None


def _take_one_device(place):
    """Leave TensorFlow one of several accelerators: each worker has one."""
    devices = tf.config.list_physical_devices("GPU")
    if len(devices) > 1:
        tf.config.set_visible_devices(devices[place % len(devices)], "GPU")


def _gather(cluster, timeout, say):
    """Wait until a process listens at the address of each worker, and say now and then which are missing.

    TensorFlow's own wait cannot be broken off, neither by a limit of time nor by Ctrl-C.

    Raises:
        WorkFailed: A worker is missing for too long.
    """
    begun = told = time.monotonic()
    with _listening(cluster) as listener:
        while missing := [one for one in cluster.others if not _answers(one[1])]:
            names = " and ".join(f"worker {number} ({address})" for number, address in missing)
            now = time.monotonic()
            if now - begun >= timeout:
                raise WorkFailed(
                    f"Expected {names} within {timeout:g} seconds, but nobody answers; start all workers, each with "
                    "the same `workers`."
                )
            if now - told >= _TELL_SECONDS:
                told = now
                say(f"waiting for {names}")
            _let_go(listener)
            time.sleep(_TRY_SECONDS)
        # Those that looked for this one just before it came look again.
        time.sleep(2 * _TRY_SECONDS)


def _listening(cluster):
    """Return the socket at which this worker can be found until TensorFlow listens there.

    Raises:
        InputError: The port is taken.
    """
    port = int(cluster.addresses[cluster.index].rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        listener = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise InputError(
            f"Worker {cluster.index} cannot listen at port {port} ({error.strerror}); is it running already?"
        ) from None
    listener.setblocking(False)
    return listener


def _let_go(listener):
    """Close the connections of those that looked for this worker: the system keeps few that nobody takes."""
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()


def _answers(address):
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
            return True
    except OSError:
        return False
