"""A closed group of validated values, and what is wrong with one in a line."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails


class Section(BaseModel):
    """A group of parameters: frozen, and closed to unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def one_line(errors: list[ErrorDetails], root: type[BaseModel]) -> str:
    """What pydantic found wrong with a ``root``, in one line;
    an unknown name comes with the nearest known one.
    """
    messages = []
    for error in errors[:3]:
        *outer, name = [str(part) for part in error["loc"]] or ["value"]
        where = ".".join([*outer, name])
        if error["type"] == "extra_forbidden":
            nearest = difflib.get_close_matches(name, _known_names(outer, root), n=1, cutoff=0.5)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
            messages.append(f"unknown parameter '{where}'{hint}")
        elif error["type"] == "value_error":  # our own check of several values together says which
            messages.append(f"{where}: {error['ctx']['error']}")
        else:
            messages.append(
                f"{where} = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
            )
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    return "; ".join(messages) + more


def _known_names(sections: list[str], root: type[BaseModel]) -> list[str]:
    model = root
    for section in sections:
        for name, field in model.model_fields.items():
            if section in (name, field.alias) and isinstance(field.annotation, type):
                model = field.annotation
                break
    return [field.alias or name for name, field in model.model_fields.items()]
