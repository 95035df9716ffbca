"""Reading what a page's JSON body sets up: each value is checked, and a problem names its key."""

import json
import math
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from moto.core.utils import get_service_model

# Takes the name of a key and its value; returns the value, or raises `WrongSetup`.
Check = Callable[[str, Any], Any]


class WrongSetup(Exception):
    """A set-up that cannot be; the message says why."""


def document_of(text: str | bytes) -> Any:
    """What a body says."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise WrongSetup(f"not JSON: {error}") from None


def checked(place: str, document: Any, keys: dict[str, Check]) -> dict[str, Any]:
    """The values of an object that may have these keys."""
    if not isinstance(document, dict):
        raise WrongSetup(f"{place or 'the set-up'} must be an object, not {json.dumps(document)}")
    values = {}
    for key, value in document.items():
        name = f"{place}.{key}" if place else key
        if key not in keys:
            raise WrongSetup(f"unknown key {name}; there are {', '.join(keys)}")
        values[key] = keys[key](name, value)
    return values


def number(longest: float) -> Check:
    """A number that is not negative."""
    def check(name: str, value: Any) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not 0 <= value <= longest:
            raise WrongSetup(f"{name} must be a number from 0 to {longest:g}, not {json.dumps(value)}")
        return float(value)

    return check


def whole(least: int) -> Check:
    """A whole number."""
    def check(name: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise WrongSetup(f"{name} must be a whole number of at least {least}, not {json.dumps(value)}")
        return value

    return check


def operations(name: str, value: Any) -> list[str]:
    """Patterns of operations."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise WrongSetup(f'{name} must be a list of texts such as "ec2.CreateVpc" or "ecs.*", not {json.dumps(value)}')
    for pattern in value:
        service, dot, operation = pattern.partition(".")
        if not dot or not service or not operation:
            raise WrongSetup(f'{name}: {json.dumps(pattern)} is no service and operation such as "ec2.CreateVpc"')
        if set(service) & set("*?[") or service == "registry":
            continue
        try:
            known = get_service_model(service).operation_names
        except Exception:
            raise WrongSetup(f"{name}: no service is named {service!r}; names are those of AWS's models") from None
        if not any(fnmatchcase(each, operation) for each in known):
            raise WrongSetup(f"{name}: {service} has no operation {operation!r}")
    return value


def one_of(*values: str) -> Check:
    """One of these texts."""
    known = " or ".join(json.dumps(each) for each in values)

    def check(name: str, value: Any) -> str:
        if value not in values:
            raise WrongSetup(f"{name} must be {known}, not {json.dumps(value)}")
        return value

    return check


def some_text(name: str, value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise WrongSetup(f"{name} must be a text, not {json.dumps(value)}")
    return value


def table(name: str, value: Any) -> dict[str, Any]:
    """Any object."""
    if not isinstance(value, dict):
        raise WrongSetup(f"{name} must be an object, not {json.dumps(value)}")
    return value


def list_of(check: Check) -> Check:
    """A list of such values."""
    def check_each(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise WrongSetup(f"{name} must be a list, not {json.dumps(value)}")
        return [check(f"{name}[{number}]", each) for number, each in enumerate(value)]

    return check_each


def part(keys: dict[str, Check], *needed: str) -> Check:
    """An object with these keys, of which some have to be there."""

    def check(name: str, value: Any) -> dict[str, Any]:
        values = checked(name, value, keys)
        for key in needed:
            if key not in values:
                raise WrongSetup(f"{name} needs {key}")
        return values

    return check
