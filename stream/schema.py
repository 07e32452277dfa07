"""YAML files against a strict schema: what the configuration and the calibration file share.

Wrong files give one line that names the key, what is allowed there and what was found, never a password.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from stream.sources.redact import redact_meant

_SHOWN_PROBLEMS = 3
_SHOWN_CHARS = 200


class StrictModel(BaseModel):
    """A mapping of known keys. No coercion but whole numbers for decimal ones; no infinity, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _path_from_text(value: Any) -> Any:
    """YAML has no paths, and a strict schema takes no text for one."""
    if isinstance(value, str) and value.strip():
        return Path(value)
    if isinstance(value, Path):
        return value
    raise ValueError("must be a path, as text")


FilePath = Annotated[Path, BeforeValidator(_path_from_text)]
"""A path, given as text in YAML."""


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses NUL, and a key that comes twice in one mapping; YAML's own loader keeps the last one without a word."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        # No path, URL or name has one, and what the system says of it names neither key nor file.
        if isinstance(node, yaml.ScalarNode) and "\0" in node.value:
            raise yaml.constructor.ConstructorError(
                problem="a NUL character (\\0) in a value; remove it", problem_mark=node.start_mark
            )
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
                continue
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key '{key_node.value}' comes twice", problem_mark=key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """Parse a YAML file into plain types. Raises OSError, or ValueError with one line."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ValueError(f"not valid YAML{where}: {getattr(error, 'problem', None) or 'unreadable'}") from None


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """One line for the first problems found in data for ``model``, each naming its key and what is allowed."""
    problems: dict[str, list[Mapping[str, Any]]] = {}
    for problem in error.errors():
        problems.setdefault(_key(problem, model), []).append(problem)
    parts = [_describe_key(key, found, model) for key, found in list(problems.items())[:_SHOWN_PROBLEMS]]
    more = len(problems) - len(parts)
    text = "; ".join(parts) + (f"; and {more} more" if more > 0 else "")
    return " ".join(text.split())  # keys come from the file and may hold line breaks


def _describe_key(key: str, found: list[Mapping[str, Any]], model: type[BaseModel]) -> str:
    first = found[0]
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}' (allowed here: {_keys_at(first['loc'][:-1], model)})"
    if first["type"] == "missing":
        return f"key '{key}' is required"
    if first["type"] == "model_type":
        hint = "; remove it if it is empty" if first["input"] is None else ""
        return f"key '{key}' must hold keys of its own ({_keys_at(first['loc'], model)}){hint}{_got(first['input'])}"
    # A union reports one problem for each of its members.
    messages = [problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ") for problem in found]
    must = "must be " if first["msg"].startswith("Input should be ") else ""
    message = " or ".join(messages)
    return f"key '{key}': {must}{message[0].lower() + message[1:]}{_got(first['input'])}"


def _got(value: Any) -> str:
    """The value at fault, shortened and without passwords; nothing for a whole section."""
    if value is None or isinstance(value, dict):
        return ""
    try:
        return f" (got {repr(_redacted(value))[:_SHOWN_CHARS]})"
    except RecursionError:  # an alias inside its own anchor
        return " (got something that holds itself)"


def _redacted(value: Any) -> Any:
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return redact_meant(value) if isinstance(value, str) else value


def _key(problem: Mapping[str, Any], model: type[BaseModel]) -> str:
    """The dotted key, without the names that pydantic adds for the members of a union."""
    location = problem["loc"]
    parts = [
        str(part)
        for depth, part in enumerate(location)
        if isinstance(part, int)
        or part in _model_at(location[:depth], model).model_fields
        or (problem["type"] == "extra_forbidden" and depth == len(location) - 1)
    ]
    return ".".join(map(redact_meant, parts)) or "(top level)"


def _keys_at(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    return ", ".join(sorted(_model_at(location, model).model_fields))


def _model_at(location: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel]:
    """The model that describes the mapping at a location."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next((m for m in _members(field.annotation) if _is_model(m)), model)
    return model


def _members(annotation: Any) -> list[Any]:
    return [annotation, *(m for argument in getattr(annotation, "__args__", ()) for m in _members(argument))]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
