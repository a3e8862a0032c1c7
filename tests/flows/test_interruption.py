import os
import signal
import threading

import pytest

from flows import cli
from flows.interruption import Terminated, exit_code, terminable


def test_sigterm_ends_the_block_in_order():
    tidied = []
    with pytest.raises(Terminated), terminable():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            tidied.append(1)
    assert tidied == [1]


def test_afterwards_sigterm_does_what_it_did():
    before = signal.getsignal(signal.SIGTERM)
    with terminable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_elsewhere_than_in_the_main_thread_nothing_is_set():
    seen = []

    def look():
        with terminable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.parametrize(("stopped", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_the_exit_code_is_the_shells(stopped, code):
    assert exit_code(stopped) == code


@pytest.mark.parametrize(("command", "says"), [("run", "goes on from there"), ("verify", "half done")])
def test_a_command_that_is_stopped_says_one_line(tmp_path, monkeypatch, capsys, command, says):
    def stop(given, store):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, command, stop)
    arguments = [command, "--artifacts", str(tmp_path), *(["sample"] if command == "run" else [])]
    assert cli.main(arguments) == 130
    [line] = capsys.readouterr().err.splitlines()
    assert says in line
