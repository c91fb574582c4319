"""The faults of settings, told with the variable and what to write."""

import difflib
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

PREFIX = "PICA_"
# Names at least this alike are taken for a misspelling of each other.
ALIKE = 0.85
# What a value of another type must be, by the kind of fault.
_WANTED = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be 1 or 0",
}
_ASSIGNED = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(PICA_\w+)[ \t]*=", re.ASCII | re.IGNORECASE | re.MULTILINE
)


def variable(field: str) -> str:
    """Return the environment variable of a field of `Settings`."""
    return f"{PREFIX}{field.upper()}"


def faults_of(error: ValidationError) -> dict[str, str]:
    """Return each fault of a validation, by field, or by "" if it concerns several."""
    faults: dict[str, str] = {}
    for fault in error.errors(include_input=False, include_url=False):
        field = str(fault["loc"][0]) if fault["loc"] else ""
        said = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        message = _WANTED.get(fault["type"], said)
        faults[field] = f"{variable(field)}: {message}" if field else message
    return faults


def misspelt(names: Iterable[str], fields: Collection[str]) -> Iterator[str]:
    """Yield a fault for each variable that is not a setting and is spelt like one."""
    for name in names:
        if (near := _nearest(name, fields)) is not None:
            yield f"{name} is not a setting. Do you mean {near}?"


def unknown(names: Iterable[str], fields: Collection[str]) -> list[str]:
    """Return the variables that are neither settings nor spelt like one."""
    return [name for name in names if _nearest(name, fields) is None]


def strange_names(fields: Collection[str], env_file: Path | None) -> list[str]:
    """Return the names that begin like settings in the environment and the file, but are none."""
    given = set(os.environ)
    if env_file is not None and env_file.is_file():
        given |= set(_ASSIGNED.findall(env_file.read_text("utf-8-sig")))
    known = {variable(field) for field in fields}
    return sorted(
        name for name in given if name.upper().startswith(PREFIX) and name.upper() not in known
    )


def _nearest(name: str, fields: Collection[str]) -> str | None:
    known = [variable(field) for field in fields]
    near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=ALIKE)
    return near[0] if near else None
