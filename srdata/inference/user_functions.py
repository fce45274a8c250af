"""A function of the user's own, named as MODULE:FUNCTION."""

from __future__ import annotations

import importlib
from typing import Any

from srdata.errors import UsageError


def imported_function(name: str, what: str) -> Any:
    """The function MODULE:FUNCTION, which is `what`; its module is imported. Raises UsageError."""
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"cannot find the function {name}: {error}; give MODULE:FUNCTION") from error
    if not callable(function):
        raise UsageError(f"{name} is {function!r}, not {what}")
    return function
