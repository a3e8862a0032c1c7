"""Everything this project raises on purpose.

* PipelineError
  - InputError             what the user gave is wrong: exit code 2, nothing written
    - CollectionError      a file of the collection, with its row
    - ConfigError          the TOML file, a ``--set``, a name on the command line
    - ModelUnavailable     a model that is neither on this machine nor to be fetched
  - SchemaError            a table does not have the columns or values its contract promises
  - ArtifactError
    - ArtifactMissing      nothing complete lies where the reference points
    - ArtifactDamaged      something lies there, but not what the manifest says
  - GateFailed             a teacher fell short of the gate's limits: exit code 3
  - StageFailed            a stage stopped; its cause follows it

Messages say what was found, what was expected, and what to do next.
"""


class PipelineError(Exception):
    """Base of every error raised on purpose."""


class InputError(PipelineError):
    """What the user gave is wrong.

    >>> print(InputError("qrels/test.tsv, line 3", found="2 columns", expected="3", advice="Add it."))
    qrels/test.tsv, line 3: found 2 columns; expected 3. Add it.
    """

    def __init__(self, where: str, *, found: str, expected: str, advice: str) -> None:
        super().__init__(f"{where}: found {found}; expected {expected}. {advice}")


class CollectionError(InputError):
    """A file of the collection breaks its format, at a row that the message names."""


class ConfigError(InputError):
    """The TOML file, a ``--set`` or a name on the command line cannot be used."""


class ModelUnavailable(InputError):  # noqa: N818  (a state of the world, named as one)
    """A model is neither on this machine nor to be had from the hub."""


class SchemaError(PipelineError):
    """A table does not have the columns or values its contract promises."""


class ArtifactError(PipelineError):
    """An artifact cannot be used."""


class ArtifactMissing(ArtifactError):  # noqa: N818
    """Nothing complete lies where the reference points."""


class ArtifactDamaged(ArtifactError):  # noqa: N818
    """Something lies there, but not what the manifest says."""


class GateFailed(PipelineError):  # noqa: N818
    """A teacher fell short of the gate; the message says which numbers."""


class StageFailed(PipelineError):  # noqa: N818
    """A stage stopped; the message carries its cause in one line."""
