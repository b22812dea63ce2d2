# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the seed that a tenant is built from."""

from __future__ import annotations

import json
from pathlib import Path

CONTOSO = Path(__file__).parent / "seeds" / "contoso.json"
_PARTS = ("tenant", "skus", "allotments", "users", "groups", "devices", "apps")


class SeedError(Exception):
    """A seed that cannot be used."""


def load_seed(path: str | None) -> dict:
    """The seed of a JSON or YAML file, or contoso."""
    file = Path(path) if path else CONTOSO
    try:
        text = file.read_text(encoding="utf-8")
        seed = json.loads(text) if file.suffix == ".json" else _yaml(text)
    except (OSError, ValueError) as error:
        raise SeedError(f"cannot read the seed {file}: {error}") from None
    missing = [part for part in _PARTS if part not in seed] if isinstance(seed, dict) else list(_PARTS)
    if missing:
        raise SeedError(f"the seed {file} lacks {', '.join(missing)}")
    return seed


def _yaml(text: str) -> dict:
    try:
        import yaml
    except ImportError:
        raise SeedError("a YAML seed needs the Python library PyYAML; give it as JSON instead") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SeedError(f"not YAML: {error}") from None
