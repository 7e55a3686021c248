"""A closed group of validated values, and what is wrong with one in a line."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

from ssavl.errors import shown

LONGEST_NAME, LONGEST, DEEPEST = 80, 300, 8  # of what a message says of one error


class Section(BaseModel):
    """A group of parameters: frozen, closed to unknown names, every number finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )


def one_line(errors: list[ErrorDetails], root: type[BaseModel]) -> str:
    """What pydantic found wrong with a ``root``, in one line;
    an unknown name comes with the nearest known one.
    """
    messages = []
    for error in errors[:3]:
        *outer, name = [str(part)[:LONGEST_NAME] for part in error["loc"][:DEEPEST]] or ["value"]
        where, message = ".".join([*outer, name]), error["msg"][:LONGEST]
        if error["type"] == "extra_forbidden":
            nearest = difflib.get_close_matches(name, _known_names(outer, root), n=1, cutoff=0.5)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
            messages.append(f"unknown parameter '{where}'{hint}")
        elif error["type"] == "value_error":  # our own check of several values together says which
            messages.append(f"{where}: {str(error['ctx']['error'])[:LONGEST]}")
        else:
            messages.append(f"{where} = {shown(error['input'])}: {message[0].lower()}{message[1:]}")
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
