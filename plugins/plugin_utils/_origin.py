# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file a value comes from, as far as ansible-core knows it, and errors of files as errors of filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._errors import LicensingError
from ..module_utils._licensing.desired.profiles import FileError

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # ansible-core before 2.19 keeps the place with the text itself
    Origin = None


def origin_of(value: Any) -> str | None:
    """File, line and column of a value."""
    if Origin is not None:
        tag = Origin.get_tag(value)
        return str(tag) if tag and tag.path else None
    place = getattr(value, "ansible_pos", None)
    return ":".join(str(part) for part in place) if place and place[0] else None


def told(work: Callable[[], Any]) -> Any:
    """What work gives. Raises AnsibleFilterError, with the places of all problems, for files that cannot be used."""
    try:
        return work()
    except FileError as error:
        raise AnsibleFilterError(error.placed(origin_of).message) from None
    except LicensingError as error:
        raise AnsibleFilterError(error.message) from None
