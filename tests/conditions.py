"""Run every command that writes on a full and on a read-only disk, twice at once, and ended by SIGTERM and Ctrl-C.

    python tests/conditions.py --out conditions                        # all commands; about forty minutes on two cores
    python tests/conditions.py --only train,export --conditions full,twice --out conditions

Each command is first run twice unbroken, as in kills.py. What then must hold:

- full: on a disk that has room for a part of the result, one sentence that names a path, exit code 2; with more room
  the same command ends with the result of an unbroken one.
- read-only: one sentence that names a path, exit code 2, nothing written; made writable, the same result.
- twice: of two at once each has the same result, or is refused in a sentence with exit code 2.
- SIGTERM, Ctrl-C: a sentence that says how to go on, exit codes 143 and 130; typed again, the same result.

After each no temporary file or folder is left, no child process, no file that cannot be read, and nowhere a traceback.
The disks are in memory, in a mount namespace of this script's own; where a user may have none, they are left out with a
word. Commands run in copies of this process, which has loaded TensorFlow once. Exit code 1 if anything else happened.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from written import CASES, STEPS, contents, differences, write_photos

CONDITIONS = ("full", "read-only", "twice", "sigterm", "ctrl-c")
COSTLY = {"demo"}
ALONE = ["unshare", "--map-root-user", "--mount"]
TEMPORARY = re.compile(r"(^|/)\.[^/]*\.(part(\.[^/]*)?|claim)(/|$)|(^|/)\.export-")
SIGNALS = {"sigterm": (signal.SIGTERM, 143), "ctrl-c": (signal.SIGINT, 130)}
SECONDS = 900


def main():
    """Run the cases and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = [name for name in CASES if name not in COSTLY]
    parser.add_argument("--only", default=",".join(usual), help="commands, comma-separated")
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="of these, comma-separated")
    parser.add_argument("--room", default="0,0.3,0.8", help="of a full disk, as shares of the result")
    parser.add_argument("--moments", default="0.4,0.8", help="of a signal, as shares of the time unbroken")
    parser.add_argument("--out", type=Path, required=True, help="folder to work in; it must not exist")
    given = parser.parse_args()
    names, conditions = given.only.split(","), given.conditions.split(",")
    for unknown in (set(names) - set(CASES)) | (set(conditions) - set(CONDITIONS)):
        parser.error(f"unknown {unknown!r}; choose from {', '.join(CASES)} and {', '.join(CONDITIONS)}")
    if {"full", "read-only"} & set(conditions) and "TFAPP_ALONE" not in os.environ:
        if not subprocess.run(
            [*ALONE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True
        ).returncode:
            os.environ["TFAPP_ALONE"] = "1"
            os.execvp(ALONE[0], [*ALONE, sys.executable, *sys.argv])
        print("left out, as this user can mount no disk: full, read-only")
        conditions = [name for name in conditions if name not in ("full", "read-only")]
    given.out.mkdir(parents=True)
    load()
    room, moments = (tuple(map(float, text.split(","))) for text in (given.room, given.moments))
    failures = 0
    for name in names:
        try:
            trial = Trial(name, CASES[name], given.out.resolve())
        except Failed as failure:
            print(f"{name}: {failure}", flush=True)
            failures += 1
            continue
        for condition in conditions:
            shares = {"full": room, "sigterm": moments, "ctrl-c": moments}.get(condition, (None,))
            for share in shares:
                failures += trial.report(condition, share)
    print(f"{failures} not as it should be")
    return int(failures > 0)


def load():
    """Import what all commands need; what runs them is a copy of this process."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow  # noqa: F401

    import tfapp.cli.main  # noqa: F401
    import tfapp.landscape  # noqa: F401
    import tfapp.segmentation.training  # noqa: F401


class Failed(Exception):
    """A command that nothing hindered did not end as it should."""


@dataclass
class Ended:
    """A command that has ended: its exit code, what it printed, and whether it left a process."""

    code: int
    said: str
    left: bool

    def wrong(self, code, sentence):
        """Return what is not as it should be."""
        found = [] if self.code == code else [f"exit code {self.code}, not {code}"]
        found += ["a traceback"] if "Traceback" in self.said else []
        found += ["a process is left"] if self.left else []
        return found + ([] if re.search(sentence, self.said) else [f"does not say {sentence!r}"])


class Started:
    """A command that runs in a copy of this process, in a session of its own."""

    def __init__(self, command, folder, log):
        self.log, self.code = log, None
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            _become(command, folder, log)

    def send(self, number, group):
        os.kill(-self.pid if group else self.pid, number)

    def wait(self, seconds=SECONDS):
        """Return what ended, or None if it still runs after so many seconds."""
        end = time.monotonic() + seconds
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                return None
            else:
                time.sleep(0.01)
        return Ended(self.code, self.log.read_text(errors="replace"), self._has_left())

    def _has_left(self):
        for _ in range(100):
            try:
                os.kill(-self.pid, 0)
            except ProcessLookupError:
                return False
            time.sleep(0.05)
        os.kill(-self.pid, signal.SIGKILL)
        return True


def _become(command, folder, log):
    """Be a process that runs a command; never returns."""
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        # What a shell runs in the background ignores Ctrl-C, and so would this process.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["tfapp", *command.split()]
        sys.modules["tfapp.cli.main"].main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Trial:
    """A command, what it needs, and what it leaves unbroken.

    Args:
        name, case: Of `CASES`.
        folder: Folder to work in; what several commands need lies there once.
    """

    def __init__(self, name, case, folder):
        self.name, self.case = name, case
        self.folder = folder / name.replace(" ", "-")
        self.folder.mkdir()
        self.start = _made(folder / "made", case.before)
        trees, seconds = [], []
        for number in range(2):
            place = self.folder / f"unbroken-{number}"
            shutil.copytree(self.start, place)
            begun = time.monotonic()
            self._finish(place)
            seconds.append(time.monotonic() - begun)
            trees.append(contents(place))
        self.seconds = min(seconds)
        self.bytes = _size(place) - _size(self.start)
        self.expected = {key: value for key, value in trees[0].items() if trees[1].get(key) == value}
        self.changing = sorted((trees[0].keys() | trees[1].keys()) - self.expected.keys())
        print(
            f"{name}: {self.seconds:.1f} s, {self.bytes:,} bytes; not compared: {len(self.changing)}",
            flush=True,
        )

    def report(self, condition, share):
        """Try a condition, print a line, and return whether anything was wrong."""
        titled = condition if share is None else f"{condition} {share:g}"
        place = self.folder / titled.replace(" ", "-")
        place.mkdir()
        try:
            how, wrong = getattr(self, f"_{condition.replace('-', '_')}")(place, share)
        except Failed as failure:
            how, wrong = "", [str(failure)]
        finally:
            if os.path.ismount(place):
                subprocess.run(["umount", place], check=True)
        print(f"  {titled}: {how}{'; WRONG: ' if wrong else ''}{', '.join(wrong[:6])}", flush=True)
        return bool(wrong)

    def _full(self, place, share):
        self._mount(place)
        room = int(share * self.bytes) // 4096 * 4096
        subprocess.run(["mount", "-o", f"remount,size={_used(place) + room}", place], check=True)
        ended = self._run(place)
        if ended.code == self.case.code:
            return "room enough", self._compared(place)
        wrong = ended.wrong(2, "disk (of .* )?is full.*") + _strays(place)
        subprocess.run(["mount", "-o", "remount,size=1g", place], check=True)
        self._finish(place)
        return _sentence(ended), wrong + self._compared(place)

    def _read_only(self, place, share):
        self._mount(place)
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        before = contents(place)
        ended = self._run(place)
        wrong = ended.wrong(
            2, r"(disk is read-only at|Cannot write to) .*[Rr]ead-only|disk is read-only at \S+"
        )
        wrong += differences(before, [], contents(place))
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        self._finish(place)
        return _sentence(ended), wrong + self._compared(place)

    def _twice(self, place, share):
        shutil.copytree(self.start, place, dirs_exist_ok=True)
        first = Started(self.case.command, place, self.folder / "first.log")
        time.sleep(0.2 * self.seconds)
        both = [Started(self.case.command, place, self.folder / "second.log"), first]
        both = [process.wait() for process in both]
        done = [ended for ended in both if ended.code == self.case.code]
        wrong = [] if done else ["none of two did it"]
        for ended in both:
            wrong += ended.wrong(
                2 if ended.code == 2 else self.case.code, "Another process|already exists" * (ended.code == 2)
            )
        refused = [_sentence(ended) for ended in both if ended not in done]
        waited = ["one waited"] * any("waiting until" in ended.said for ended in both)
        ignored = self.case.more if len(done) == 2 else None
        return ", ".join(refused + waited) or "both done", wrong + self._compared(place, ignored)

    def _sigterm(self, place, share):
        return self._ended_by("sigterm", place, share)

    def _ctrl_c(self, place, share):
        return self._ended_by("ctrl-c", place, share)

    def _ended_by(self, name, place, share):
        number, code = SIGNALS[name]
        shutil.copytree(self.start, place, dirs_exist_ok=True)
        process = Started(self.case.command, place, self.folder / "ended.log")
        ended = process.wait(share * self.seconds)
        if ended is not None:
            return "ended before", self._compared(place)
        # A terminal tells all its processes; who ends a process tells this one.
        process.send(number, group=name == "ctrl-c")
        begun = time.monotonic()
        ended = process.wait()
        seconds = time.monotonic() - begun
        if ended.code == self.case.code:
            # The signal may have come when the work was done, but not long before.
            wrong = ["signal not heeded"] * (seconds > max(2, 0.2 * self.seconds))
            return f"done {seconds:.1f} s after the signal", wrong + self._compared(place)
        wrong = ended.wrong(code, "the same command") + _strays(place)
        contents(place)
        if not (self.case.made and (place / self.case.made).exists()):
            self._finish(place)
        return f"{_sentence(ended)} ({seconds:.1f} s)", wrong + self._compared(place)

    def _mount(self, place):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", place], check=True)
        shutil.copytree(self.start, place, dirs_exist_ok=True)

    def _run(self, place):
        return Started(self.case.command, place, self.folder / "run.log").wait()

    def _finish(self, place):
        """Run the command to its end.

        Raises:
            Failed: It ends otherwise than unbroken.
        """
        _check(self.case.command, self._run(place), self.case.code)

    def _compared(self, place, ignored=None):
        found = contents(place)
        if ignored:
            found = {key: value for key, value in found.items() if not key.startswith(ignored)}
        return differences(self.expected, self.changing, found) + _strays(place)


def _made(folder, before):
    """Return a folder with pictures in it and what some commands make, which is made once."""
    place = folder / "-".join(["start", *(command.split(" --")[0].replace(" ", "-") for command in before)])
    if not place.exists():
        if before:
            shutil.copytree(_made(folder, before[:-1]), place)
            if before[-1] in STEPS:
                _apart(STEPS[before[-1]], place)
            else:
                _check(before[-1], Started(before[-1], place, folder / "made.log").wait())
        else:
            place.mkdir(parents=True)
            _apart(write_photos, place / "photos")
    return place


def _apart(step, place):
    """Call a function in another process: one in which TensorFlow has computed cannot be copied.

    Raises:
        Failed: It raises something.
    """
    child = os.fork()
    if not child:
        try:
            step(place)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise Failed(f"{step.__name__} failed")


def _check(command, ended, code=0):
    if ended.code != code:
        raise Failed(f"tfapp {command} ended with exit code {ended.code}:\n{ended.said}")


def _sentence(ended):
    lines = [line for line in ended.said.splitlines() if line.strip()]
    return f"{ended.code} {lines[-1].strip() if lines else 'nothing said'}"


def _strays(place):
    names = (path.relative_to(place).as_posix() for path in place.rglob("*"))
    return [f"stray {name}" for name in names if TEMPORARY.search(name)]


def _size(folder):
    # As a disk of pages counts, which what is written in many small files fills sooner.
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def _used(place):
    found = os.statvfs(place)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


if __name__ == "__main__":
    sys.exit(main())
