from tests.models.students.embed_distill_lessons import (  # noqa: F401  (fixtures of several files)
    lesson,
    teacher,
    vectors,
)
