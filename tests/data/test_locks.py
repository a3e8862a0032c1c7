import threading
import time

from data.locks import held, held_if_free, undisturbed


def test_a_held_lock_is_not_free_and_is_free_again_after(tmp_path):
    path = tmp_path / "locks" / "one"
    with held(path), held_if_free(path) as free:
        assert not free
    with held_if_free(path) as free:
        assert free


def test_many_share_a_lock_that_nobody_then_has_alone(tmp_path):
    path = tmp_path / "one"
    with held(path, shared=True), held(path, shared=True), held_if_free(path) as free:
        assert not free


def test_who_waited_for_a_removed_lock_takes_the_one_that_lies_there_now(tmp_path):
    path = tmp_path / "one"
    got = threading.Event()
    leave = threading.Event()

    def wait():
        with held(path):
            got.set()
            leave.wait(5)

    waiter = threading.Thread(target=wait)
    with held(path):
        waiter.start()
        time.sleep(0.1)
        path.unlink()
    assert got.wait(5)
    with held_if_free(path) as free:
        assert not free  # the waiter holds the new file, not the removed one
    leave.set()
    waiter.join()


def test_looking_undisturbed_keeps_makers_away_and_leaves_no_file(tmp_path):
    path = tmp_path / "one"
    with undisturbed(path) as free:
        assert free
    assert not path.exists()
    with held(path), undisturbed(path) as free:
        assert not free
    with undisturbed(path) as quiet, held_if_free(path) as free:
        assert (quiet, free) == (True, False)
