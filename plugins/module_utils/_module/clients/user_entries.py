# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state of M(m365.licensing.users_assign_license): licenses for the users of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._errors import OptionError
from ..._licensing.desired.licenses import DesiredLicenses, desired_licenses
from ..._licensing.plan.changes import Changes
from ..._licensing.plan.licenses import LicensePlanner
from ..._tenant.user_list import UserList
from ..options import check_bulk, check_user
from ..session import Session
from .entries import SeatLedger, merged

DEFAULTS = ("usage_location", "licenses", "carry_plans", "inherited", "remove_inherited", "protect", "allow_empty", "seat_check", "plan_check")


class UserEntries:
    """The entries of users, with the defaults of the task."""

    option: str = "users"
    keys: tuple[str, ...] = ("user",)
    version: str = "v1.0"

    def __init__(self, params: Mapping) -> None:
        """Raises OptionError with every entry that contradicts itself, or declares nothing."""
        check_bulk(params)
        self.entries = merged(params["users"], params, DEFAULTS)
        self._desired = desired_of(self.entries)
        self.described: Any = self.entries
        self._read_filter = params.get("read_filter")

    def begin(self, session: Session) -> str | None:
        """Read what the tenant owns."""
        self._session = session
        catalog = session.reader.catalog()
        self._ledger, self._planner = SeatLedger(catalog), LicensePlanner(catalog)
        self._users = UserList(session.client, session.reader)
        return session.reader.tenant_id

    def read(self, indexes: list[int]) -> dict[int, str]:
        """Read the users: those of read_filter in pages, and the others in the fewest requests."""
        if self._read_filter and indexes:
            for user in self._session.tenant.users(None, None, self._read_filter, None):
                self._users.add(user)
        self._users.read([self.entries[index]["user"] for index in indexes])
        found = ((index, self._users.user(self.entries[index]["user"])) for index in indexes)
        return {index: user.id for index, user in found if user is not None}

    def plan(self, index: int, stage: int) -> tuple[Changes, int]:
        """The changes to one user's licenses, with the seats that earlier entries left. Raises OptionError for a user that the tenant does not have."""
        name = self.entries[index]["user"]
        user = self._users.user(name)
        if user is None:
            raise OptionError(f"users[{index}]: this tenant has no user {name!r}; check the spelling and the tenant")
        desired = self._desired[index]
        changes = self._planner.plan(user, desired)
        if changes.unnamed_groups:
            changes = self._planner.plan(self._users.with_group_names(user), desired)
        return changes, stage if changes.errors else self._ledger.note(changes, stage)

    def principal_id(self, index: int) -> str | None:
        """The id of the entry's user."""
        user = self._users.user(self.entries[index]["user"])
        return user.id if user else None

    def route(self, index: int) -> str:
        """Return the only path for users."""
        return "principal"


def desired_of(entries: list[dict]) -> list[DesiredLicenses]:
    """Return the desired licenses of each entry. Raises OptionError with every invalid entry; equal entries are one object."""
    problems: list[str] = []
    known: dict[str, DesiredLicenses] = {}
    desired = []
    for index, entry in enumerate(entries):
        values = {name: value for name, value in entry.items() if name != "user"}
        try:
            check_user(entry["user"], f"users[{index}].user")
            if not entry.get("licenses") and not entry.get("usage_location"):
                raise OptionError("one of licenses and usage_location must be given, here or for all")
            found = known.setdefault(repr(values), desired_licenses(values)) if repr(values) not in known else known[repr(values)]
            desired.append(found)
        except OptionError as error:
            problems.append(error.message if error.message.startswith("users[") else f"users[{index}]: {error.message}")
    if problems:
        raise OptionError("; ".join(problems))
    return desired
