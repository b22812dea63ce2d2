# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How users are named: by object id or user principal name."""

from __future__ import annotations

from ..._errors import OptionError
from ..model import is_guid


def check_user(name: str, where: str) -> None:
    """Raise OptionError for an invalid name of a user."""
    if not is_guid(name) and not _is_upn(name):
        raise OptionError(f"{where} is {name!r}: give an object id or a user principal name such as alice@contoso.com")


def _is_upn(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    return bool(name and at and domain) and not any(sign.isspace() or sign in "/?\\" for sign in text)
