"""The reader of the YAML files that ship with the package.

It uses libyaml if PyYAML was built with it: a start reads some thirty files, and the loader in
Python would take most of the start. Proposed changes are read by `changes/form.py`, whose errors
name the line.
"""

from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Any:
    """Return the plain values of one document.

    Raises:
        yaml.YAMLError: The text is not valid YAML.
    """
    return yaml.load(text, Loader=LOADER)  # noqa: S506 - both loaders are the safe one
