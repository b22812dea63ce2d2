# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of files as a JSON schema, which editors read."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.validate import Choice, ListOf, Named, Record

_TYPES = {str: {"type": "string", "minLength": 1}, int: {"type": "integer"}, bool: {"type": "boolean"}}


def schema_of(form) -> dict:
    """The schema of a form. A key may be null, as if it were not given, unless it is required."""
    if isinstance(form, type):
        return dict(_TYPES[form])
    if isinstance(form, Choice):
        return {"enum": list(form.values)}
    if isinstance(form, ListOf):
        return {"type": "array", "items": schema_of(form.form)}
    if isinstance(form, Named):
        return {"type": "object", "additionalProperties": schema_of(form.form)}
    assert isinstance(form, Record)
    properties = {name: schema_of(part) if name in form.required else {"anyOf": [{"type": "null"}, schema_of(part)]} for name, part in form.keys.items()}
    return {"type": "object", "properties": properties, "required": list(form.required), "additionalProperties": form.is_open}
