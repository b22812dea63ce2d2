# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same judge by the models of Microsoft's official Python SDKs, where the schema file itself is not there. Models do not say what may be null."""

from __future__ import annotations

import enum
import importlib
import importlib.util
import re
from typing import Any

from support.csdl import CLOUD, Schema, schema_path

V1, BETA = "msgraph.generated.models", "msgraph_beta.generated.models"
NAMES = {"str": "Edm.String", "int": "Edm.Int32", "bool": "Edm.Boolean", "UUID": "Edm.Guid", "datetime.datetime": "Edm.DateTimeOffset"}
NAMES |= {"datetime.date": "Edm.Date"}
_PROPERTY = re.compile(r"^Optional\[(list\[)?([\w.]+)\]*$")


class SdkSchema(Schema):
    """Types and enums of models, each read when it is first needed: a user has hundreds of properties."""

    def __init__(self) -> None:
        self.types, self.bases, self.enums = {}, {}, {}
        self.open = {"graph.directoryObject", "graph.user", "graph.group"}  # with extensions; a member may be any object

    def faults(self, value: Any, type_name: str, where: str = "$") -> list[str]:
        """What is wrong with a value of a type; nothing when it is right."""
        if not type_name.startswith(("Edm.", "Collection(")):
            self._learn(type_name)
        return super().faults(value, type_name, where)

    def _learn(self, type_name: str) -> None:
        if type_name in self.types or type_name in self.enums:
            return
        short = type_name.rpartition(".")[2]
        model = _model(short[0].upper() + short[1:], f"{BETA}.cloud_licensing" if type_name.startswith(CLOUD) else V1)
        if issubclass(model, enum.Enum):
            self.enums[type_name] = {member.value for member in model}, True
            return
        wire = model().get_field_deserializers()
        hints = {name: hint for base in reversed(model.__mro__) for name, hint in getattr(base, "__annotations__", {}).items()}
        self.types[type_name] = {key: (self._type_of(str(hints[_snake(key)]), type_name), True) for key in wire if _snake(key) in hints}

    @staticmethod
    def _type_of(hint: str, owner: str) -> str:
        found = _PROPERTY.match(hint)
        assert found, f"{owner}: a hint of a new form, {hint}"
        name = found[2]
        kind = NAMES.get(name)
        if kind is None:
            space = CLOUD if owner.startswith(CLOUD) and _exists(name, f"{BETA}.cloud_licensing") else "graph."
            kind = f"{space}{name[0].lower()}{name[1:]}"
        return f"Collection({kind})" if found[1] else kind


def the_schema() -> Schema:
    """Microsoft's schema, else the models of its SDKs."""
    path = schema_path()
    return Schema(path) if path else SdkSchema()


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _exists(name: str, package: str) -> bool:
    return importlib.util.find_spec(f"{package}.{_snake(name)}") is not None


def _model(name: str, package: str) -> type:
    return getattr(importlib.import_module(f"{package}.{_snake(name)}"), name)
