# SPDX-License-Identifier: Apache-2.0
"""YAML read as the schema says: where a key is text, its value is what was written, whatever YAML would make of it.

YAML reads 1e3, 007, no, null, 2024-01-01 and 1:30 as numbers, truth values, nothing and dates. Here the key decides: of
a textual one the characters count, of a number its decimal form, and 010 is ten.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from lib.config.schema import ConfigError

PLAIN = {f"tag:yaml.org,2002:{name}" for name in "bool float int map merge null seq str timestamp value".split()}
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
MISSING = "???"  # OmegaConf's mark of a value that is not there yet


def read_node(text: str, source: str, section, above: str = "") -> dict:
    """The mapping that `text` holds, as plain data. section: the dataclass whose keys it has.

    source: names the text in errors. above: of the section, 'run.'. Raises ConfigError.
    """
    node = _Reader(text, source).read(section, above)
    if not isinstance(node, dict):
        raise ConfigError(f"{source}: expected sections and keys")
    return node


def read_setting(key: str, value: str, source: str, section) -> dict:
    """`section.key=value` as a command line has it, as plain data {section: {key: value}}.

    Text is taken as it was typed; where a whole text is quoted, the quotes are not part of it.
    """
    names, below = key.split("."), section
    kind: Any = None
    for name in names:
        kind = _kinds(below).get(name) if is_dataclass(below) else None
        below = getattr(below, name, None) if kind else None
    reader = _Reader(value, source)
    found: Any = reader.typed(key) if kind is str else reader.read(kind, f"{key}.") if kind else value
    for name in reversed(names):
        found = {name: found}
    return found


def _kinds(section) -> dict[str, object]:
    """Of every key: str, bool, int, float, list[...], or, for a section, its object."""
    hints = get_type_hints(type(section))
    values = {entry.name: getattr(section, entry.name) for entry in fields(section)}
    return {name: value if is_dataclass(value) else hints[name] for name, value in values.items()}


class _Reader:
    """One YAML text. Its nodes become plain data by the kind that the schema gives them."""

    def __init__(self, text: str, source: str):
        self._text, self._source = text, source

    def read(self, kind, above: str):
        """The whole text as a value of this kind."""
        self._loader = yaml.SafeLoader(self._text)
        try:
            node = self._loader.get_single_node()
            if node is None:  # nothing, or comments alone
                return {} if is_dataclass(kind) else ""
            return self._value(node, kind, above)
        except yaml.YAMLError as error:
            raise ConfigError(f"{self._source}: not valid YAML: {error}") from None

    def typed(self, key: str) -> str:
        """The whole text as it is, without the quotes around all of it."""
        text = self._text
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            try:
                node = yaml.compose(text, yaml.SafeLoader)
            except yaml.YAMLError:
                node = None
            if isinstance(node, yaml.ScalarNode) and node.style and node.end_mark.index == len(text):
                text = node.value
        return self._present(text, key)

    def _value(self, node, kind, above: str):
        if node.tag not in PLAIN:
            raise ConfigError(f"{self._source}: {above.rstrip('.')}: YAML's tag {node.tag!r} has no meaning here")
        if kind is str and self._is_written_flow(node):
            return self._present(self._text[node.start_mark.index : node.end_mark.index], above)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, kind, above)
        if isinstance(node, yaml.SequenceNode):
            inner = get_args(kind)[0] if get_origin(kind) is list else kind
            return [self._value(each, inner, above) for each in node.value]
        if kind is None or is_dataclass(kind):  # a mistake, which is told as YAML reads it
            return self._loader.construct_object(node)
        text = self._present(node.value, above)
        return text if kind is str else _scalar(text, kind)

    def _mapping(self, node, kind, above: str) -> dict:
        """A section, or a table of one value for each value that a key may have had (see `over`)."""
        seen, kinds = set(), _kinds(kind) if is_dataclass(kind) else None
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{self._source}: {above.rstrip('.')}: expected keys, got a collection as a key")
            if key.value in seen and key.value != "<<":
                raise ConfigError(f"{self._source}: found duplicate key {key.value}, line {key.start_mark.line + 1}")
            seen.add(key.value)
        self._loader.flatten_mapping(node)
        if kinds is None:
            inner = _item(kind)
            return {self._value(key, inner, above): self._value(each, kind, above) for key, each in node.value}
        return {key.value: self._value(each, kinds.get(key.value), f"{above}{key.value}.") for key, each in node.value}

    def _is_written_flow(self, node) -> bool:
        """Whether it is a collection in brackets, on one line and without values: {a}, [b]."""
        if isinstance(node, yaml.ScalarNode) or not node.flow_style or node.start_mark.line != node.end_mark.line:
            return False
        items = [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else []
        return all(isinstance(each, yaml.ScalarNode) and not each.value and not each.style for each in items)

    def _present(self, text: str, key: str) -> str:
        if text == MISSING:
            raise ConfigError(f"{self._source}: {key.rstrip('.')}: {MISSING!r} stands for a value that is missing")
        return text


def _item(kind):
    """Of a list the kind of its items, at whatever depth; else the kind."""
    while get_origin(kind) is list:
        kind = get_args(kind)[0]
    return kind


def _scalar(text: str, kind):
    """A number or truth value, or the text of what is none, for the schema to refuse."""
    kind = _item(kind)
    if kind is bool:
        return WORDS.get(text.lower(), text)
    if kind is int and re.fullmatch(r"[-+]?[0-9]+(_[0-9]+)*", text):
        return int(text)
    if kind is float and re.fullmatch(
        r"[-+]?[0-9_.]*[0-9]\.?([eE][-+]?[0-9]+)?|[-+]?\.?(inf|nan)", text, re.IGNORECASE
    ):
        try:
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            return text
    return text
