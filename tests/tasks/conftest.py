from tests.tasks.evaluations import (  # noqa: F401  (fixtures of several files)
    candidates,
    collection,
    student,
    teacher,
)
