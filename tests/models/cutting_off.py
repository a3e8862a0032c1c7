"""Cut a training off in the middle of a step, as a kill would, and let another one go on."""

from dataclasses import replace

import pytest

from models.resumption import Resumption
from models.watching import Watch


def cut_off(train, lesson, kept, monkeypatch, *, step, training=1):
    """Train until the ``training``-th training of the stage is in that step, keeping every step before it."""
    count = 0

    class Counted(Watch):
        def on_train_begin(self, *told, **named):
            nonlocal count
            count += 1
            super().on_train_begin(*told, **named)

        def on_step_end(self, args, state, control, **_):
            if (count, state.global_step) == (training, step):
                raise KeyboardInterrupt

    monkeypatch.setattr("models.resuming.LARGEST_SHARE", float("inf"))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("models.fitting.Watch", Counted)
        train(going_on(lesson, kept))


def going_on(lesson, kept):
    """The lesson of a stage that is run again: it finds what was kept."""
    return replace(lesson, resumption=Resumption(kept))


def kept_at(kept):
    """The last step that was kept, of each training."""
    return {path.parent.name: path.name for path in sorted(kept.glob("*/step-*"))}


def counted(facts):
    """Facts without seconds."""
    return {name: value for name, value in facts.items() if not name.endswith("_s")}
