"""Reads YAML that ships with the package: by libyaml where PyYAML was built with it.

A start reads some thirty files, and the loader in Python takes most of a start for that. Knows
nothing of what they hold. What people hand in is read by `change_form.py`, which names the line.
"""

from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Any:
    """Give the plain values of one document.

    Raises:
        yaml.YAMLError: It is none.
    """
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both loaders are the safe one
