# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forbids a run as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..._errors import OptionError, Problem
from ..observed import Observed
from .changes import EndState

_FROM = 10  # users from which on a limit holds although none was given
_DEFAULT = 30


@dataclass(frozen=True, slots=True)
class RemovalLimit:
    """How many licenses a run may remove: a number, or a part in percent of what the listed users hold. is_default says that nobody gave one."""

    number: int | None = None
    percent: int | None = None
    is_default: bool = False


_NO_LIMIT = RemovalLimit(number=10**9)


@dataclass(frozen=True, slots=True)
class Guards:
    """What a run may not do: remove SKUs of protect, remove more than limit; is_missing_ok says that users whom the tenant does not have are skipped."""

    protect: tuple[str, ...] = ()
    limit: RemovalLimit = _NO_LIMIT
    is_missing_ok: bool = False


def removal_limit(value: Any) -> RemovalLimit:
    """The limit of an option. Raises OptionError for what is none."""
    if value is None:
        return RemovalLimit(percent=_DEFAULT, is_default=True)
    text = str(value)
    if re.fullmatch("[0-9]{1,9}", text):
        return RemovalLimit(int(text))
    if re.fullmatch("[0-9]{1,3}%", text) and int(text[:-1]) <= 100:
        return RemovalLimit(percent=int(text[:-1]))
    raise OptionError(f"max_removals is {value!r}: give a number, or a part such as 30%")


def held_by(user: Observed) -> int:
    """What a user holds that a run could remove: direct licenses, seats without one, and memberships of licensing groups."""
    direct = {lic.sku_id for lic in user.user.licenses if lic.is_direct}
    groups = {lic.group_id for lic in user.user.licenses if lic.group_id}
    return len(direct) + len(groups) + sum(one.sku_id not in direct for one in user.seats or ())


def removals_of(state: EndState) -> int:
    """What a user loses, less what the user gets: a replacement is no removal."""
    verbs = [one.verb for one in state.changes if one.sku_id]
    return max(0, verbs.count("remove") - verbs.count("add"))


def too_many(states: Iterable[EndState], more: int, held: int, users: int, limit: RemovalLimit) -> Problem | None:
    """The problem of a run that removes more than it may. more are licenses that members of groups lose. held is what all listed users hold now."""
    if limit.is_default and users < _FROM:
        return None
    listed = list(states)
    own = sum(map(removals_of, listed))
    replaced = sum(one.verb == "remove" and bool(one.sku_id) for state in listed for one in state.changes) - own
    count = own + more
    allowed = limit.number if limit.number is not None else held * (limit.percent or 0) // 100
    if count <= allowed:
        return None
    said = f"max_removals is {limit.number}" if limit.number is not None else f"max_removals is {limit.percent}% of {held}, which is {allowed}"
    said += " by default" if limit.is_default else ""
    cause = f"{count} licenses would be removed without replacement ({replaced} more are replaced), and {said}"
    return Problem(cause, "look at the diff, then raise max_removals", "too_many_removals")
