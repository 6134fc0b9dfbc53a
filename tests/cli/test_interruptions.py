"""Signals that ask a command to end: one sentence, the exit code of the signal, whatever a library made of it."""

import os
import signal
import sys

import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli import interruptions, main
from tfapp.cli.console import GuardedGroup, resumes


@pytest.fixture
def heeding(monkeypatch):
    """Heed signals as the command line does, for one test."""
    monkeypatch.setattr(interruptions, "_came", None)
    monkeypatch.setattr(interruptions, "_is_said", False)
    for hook in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, hook, getattr(sys, hook))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        signal.signal(number, handler)
    interruptions.heed()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(function):
    app = typer.Typer(cls=GuardedGroup)
    app.callback()(lambda: None)
    app.command("work")(function)
    return CliRunner().invoke(app, ["work"])


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Ended by SIGTERM")],
)
def test_signal_is_a_sentence_and_its_exit_code(heeding, number, code, said):
    @resumes
    def work():
        os.kill(os.getpid(), number)

    result = run(work)
    assert result.exit_code == code
    assert f"{said}; the same command resumes where it stood." in result.output


def test_command_that_keeps_nothing_does_not_promise_to_resume(heeding):
    result = run(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert "nothing is half-written, and the same command starts anew" in " ".join(result.output.split())


def test_what_a_library_makes_of_the_exception_is_still_the_signal(heeding):
    def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise RuntimeError("UnknownError: KeyboardInterrupt") from None

    assert run(work).exit_code == 143


@pytest.mark.parametrize("ends_as", [KeyboardInterrupt, SystemExit])
def test_signal_before_a_command_begins_is_a_sentence_too(heeding, monkeypatch, capsys, ends_as):
    def look_up():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise ends_as(130) from None

    monkeypatch.setattr(main, "app", look_up)
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 143
    assert capsys.readouterr().err == "Ended by SIGTERM; nothing is half-written.\n"


def test_signal_that_was_ignored_before_stays_ignored(heeding):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    interruptions.heed()
    assert run(lambda: os.kill(os.getpid(), signal.SIGTERM)).exit_code == 0


def test_traceback_that_code_in_c_prints_of_a_signal_is_not_shown(heeding, capsys):
    run(lambda: os.kill(os.getpid(), signal.SIGINT))
    sys.excepthook(SystemError, SystemError("returned a result with an exception set"), None)
    assert capsys.readouterr().err == ""
