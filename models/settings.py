"""The base of every section of configuration."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# A name that a person gives to a teacher, student or system; it appears in tables and file names.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]


class Settings(BaseModel):
    """Checked values, frozen; a key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


def runtime(default: Any, description: str = "") -> Any:  # noqa: ANN401  (as pydantic's Field)
    """Give a field that changes how fast something is made, never what: it enters no address."""
    return Field(default=default, description=description, json_schema_extra={"cache": False})
