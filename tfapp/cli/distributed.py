"""Workers of a distributed training at the terminal: which one this process is, and several on this machine."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import typer

from tfapp.cli.console import EXIT_FAILURE, error_console, in_flags
from tfapp.errors import InputError

# Of a file descriptor that ends when the process does that started a worker.
_STARTER = "TFAPP_STARTER"
_MOST_LOCAL, _MOST_RESTARTS = 64, 10
# What a worker may still do after another one has ended well, or met an error.
_SECONDS_TO_END = 60


def peers_for(workers, worker, timeout, command):
    """Return the `Peers` of the training that options, or the variable TF_CONFIG, name; None of one worker.

    Where `workers` is a number, so many are started on this machine, and this process ends with them.

    Args:
        workers: Text of the option, or None.
        worker: Number of this worker, or None.
        timeout: Seconds that the others are waited for.
        command: The command that was typed, for the options that sentences name.
    """
    from tfapp.runs.distributed.cluster import VARIABLE, cluster_from, cluster_of_environment

    if workers is not None and workers.strip().isdigit():
        count = int(workers)
        if worker is not None or not 1 <= count <= _MOST_LOCAL:
            raise InputError(
                f"`workers` as a number starts so many on this machine, 1 to {_MOST_LOCAL}, and takes no `worker`; got "
                f"{workers}{'' if worker is None else f' and {worker}'}."
            )
        if count == 1:
            return None
        raise typer.Exit(_LocalWorkers(count, VARIABLE).run())
    if workers is None and worker is not None:
        raise InputError("`worker` says which of `workers` this is; give both.")
    cluster = cluster_of_environment() if workers is None else cluster_from(workers, worker)
    if cluster is None:
        return None
    _end_with_starter()
    from tfapp.runs.distributed.peers import Peers

    return Peers(cluster, timeout, lambda sentence: _say(in_flags(sentence, command)))


def begin_again():
    """Replace this process, in which the connection to the others cannot be made a second time, by one that resumes."""
    _say("Another worker ended; waiting until it is back, to resume from the last checkpoint.")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, "-m", "tfapp", *sys.argv[1:]], _quiet_environment())


class _LocalWorkers:
    """Processes on this machine that train together."""

    def __init__(self, count, variable):
        from tfapp.runs.distributed.cluster import Cluster

        addresses = tuple(f"localhost:{port}" for port in _free_ports(count))
        self.clusters = [Cluster(addresses, number) for number in range(count)]
        self.variable = variable
        self.logs = [None, *(tempfile.TemporaryFile() for _ in range(count - 1))]
        self.processes = [None] * count

    def run(self):
        """Return the exit code of the training; a worker that is killed is started again."""
        self.alive, self.held = os.pipe()
        ended = []
        handlers = {
            number: signal.signal(number, lambda number, _: ended.append(number)) for number in _ENDINGS
        }
        try:
            for number in range(len(self.clusters)):
                self._start(number)
            return self._watch(ended)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            for process in self.processes:
                if process is not None and process.poll() is None:
                    process.kill()
                    process.wait()
            os.close(self.held)
            os.close(self.alive)

    def _start(self, number):
        log = self.logs[number]
        # Worker 0 says what there is to say, errors of the others too.
        streams = {} if log is None else {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        environment = {
            **_quiet_environment(),
            self.variable: self.clusters[number].tf_config,
            _STARTER: str(self.alive),
        }
        command = [sys.executable, "-m", "tfapp", *_without_workers(sys.argv[1:])]
        self.processes[number] = subprocess.Popen(command, env=environment, pass_fds=(self.alive,), **streams)

    def _watch(self, ended):
        restarts, last = 0, None
        while True:
            time.sleep(0.2)
            if ended:
                return self._end(ended[0])
            codes = [process.poll() for process in self.processes]
            for number, code in enumerate(codes):
                if code is None or code == 0:
                    continue
                if code < 0 and restarts < _MOST_RESTARTS:
                    restarts += 1
                    _say(f"Worker {number} was ended by {signal.Signals(-code).name}; it is started again.")
                    self._start(number)
                    codes[number] = None
            finished = [code for code in codes if code is not None]
            if len(finished) == len(codes):
                return self._told(codes)
            if finished and last is None:
                last = time.monotonic()
            elif not finished:
                last = None
            elif time.monotonic() - last > _SECONDS_TO_END:
                return self._told(codes)

    def _end(self, number):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)
        try:
            return self.processes[0].wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            return EXIT_FAILURE

    def _told(self, codes):
        """Return the exit code, that of worker 0 if it met what the others did, and show what only others say."""
        if codes[0]:
            return codes[0] if codes[0] > 0 else EXIT_FAILURE
        for number, code in enumerate(codes):
            if code:
                self.logs[number].seek(0)
                _say(f"Worker {number} ended with {code}:")
                sys.stderr.write(self.logs[number].read().decode(errors="replace"))
                return EXIT_FAILURE
        return 0 if codes[0] == 0 else EXIT_FAILURE


_ENDINGS = (signal.SIGINT, signal.SIGTERM)


def _without_workers(words):
    """Return what was typed without the option that starts workers."""
    kept = list(words)
    for place, word in enumerate(words):
        if word == "--workers":
            return kept[:place] + kept[place + 2 :]
        if word.startswith("--workers="):
            return kept[:place] + kept[place + 1 :]
    return kept


def _quiet_environment():
    """Return the variables of a process that is to turn away TensorFlow's notices of its start, as this one did."""
    environment = dict(os.environ)
    if environment.get("TF_CPP_MIN_LOG_LEVEL") == "3":
        del environment["TF_CPP_MIN_LOG_LEVEL"]
    return environment


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _end_with_starter():
    """End this process as soon as the one that started it as one of several workers has ended."""
    descriptor = os.environ.get(_STARTER)
    if descriptor is None:
        return

    def watch():
        while os.read(int(descriptor), 1):
            pass
        os._exit(EXIT_FAILURE)

    threading.Thread(target=watch, daemon=True).start()


def _say(sentence):
    error_console.print(sentence, markup=False, highlight=False, soft_wrap=True)
