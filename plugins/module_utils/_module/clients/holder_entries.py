# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state of M(m365.licensing.sku_holders): these users hold a SKU, these and no others, or these no longer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._errors import OptionError
from ..._licensing.desired.holders import chain_of, desired_holder
from ..._licensing.desired.licenses import usage_location_of
from ..._licensing.model import Principal
from ..._licensing.plan.changes import Changes
from ..._licensing.plan.licenses import LicensePlanner
from ..._licensing.resolve import Resolver
from ..._tenant.user_list import UserList
from ..options import check_bulk, check_user
from ..session import Session
from .entries import SeatLedger


class HolderEntries:
    """The users that a task names or finds, and for set the other holders of the SKUs."""

    option: str = "users"
    keys: tuple[str, ...] = ("user",)
    version: str = "v1.0"

    def __init__(self, params: Mapping) -> None:
        """Raises OptionError for options that contradict themselves."""
        check_bulk(params)
        if not params["skus"]:
            raise OptionError("skus is empty: give at least one SKU")
        self._params = {**params, "usage_location": usage_location_of(params.get("usage_location"))}
        self._people = params["users"]
        self._chain = chain_of(params["skus"])
        self.entries: list[dict] = []
        self.described: Any = {name: params[name] for name in ("skus", "users", "carry_plans", "inherited", "prefer", "usage_location")}
        self._mode = self._mode_of(self._people)

    def _mode_of(self, people: Mapping) -> str:
        """Return the mode for users of group or filter: all holders (set), more (add) or no longer (remove); lists have an option for each."""
        found = people.get("group") or people.get("filter")
        lists = [name for name in ("add", "remove", "set") if people.get(name) is not None]
        if not found and not lists:
            raise OptionError("users: give add, remove, set, group or filter")
        if found and lists:
            raise OptionError(f"users: {' and '.join(lists)} cannot be given with group or filter; set mode to what to do with the users found")
        for name in lists:
            for index, user in enumerate(people[name]):
                check_user(user, f"users.{name}[{index}]")
        return (people.get("mode") or "set") if found else "set" if "set" in lists else "add"

    def begin(self, session: Session) -> str | None:
        """Read what the tenant owns, the named or found users, and for set the holders of the SKUs."""
        self._session = session
        self._catalog = session.reader.catalog()
        self._ledger, self._planner = SeatLedger(self._catalog), LicensePlanner(self._catalog)
        self._users = UserList(session.client, session.reader)
        resolver = Resolver(self._catalog)
        skus = [resolver.sku(want.sku, f"{want.where}.sku") for want in self._chain]
        resolver.check()
        self._skus = [(sku, want) for sku, want in zip(skus, self._chain) if sku is not None]
        if len({sku.id for sku, dummy in self._skus}) < len(self._skus):
            raise OptionError("skus: a SKU is named more than once")
        self._name_people()
        return session.reader.tenant_id

    def _name_people(self) -> None:
        people = self._people
        if people.get("group") or people.get("filter"):
            found = [self._users.add(user) for user in self._session.tenant.users(None, people.get("group"), people.get("filter"), None)]
            wanted, unwanted = ([], found) if self._mode == "remove" else (found, [])
        else:
            wanted, unwanted = [*(people.get("set") or ()), *(people.get("add") or ())], list(people.get("remove") or ())
        holders = self._holders() if self._mode == "set" else []
        self._users.read([*wanted, *unwanted])
        if self._mode == "set":
            missing = [name for name in wanted if self._users.user(name) is None]
            if missing:
                listed = ", ".join(repr(name) for name in missing)
                raise OptionError(
                    f"users.set: this tenant has no user {listed}; as set removes the SKUs from all other users, nothing is done before all are found"
                )
            if not wanted and not self._params.get("allow_empty"):
                raise OptionError("users: no user is left to hold the SKUs, which removes them from all users; set allow_empty: true if this is intended")
            ids = {user.id for name in wanted if (user := self._users.user(name))}
            unwanted += [user.name for user in holders if user.id not in ids]
        both = {name.lower() for name in wanted} & {name.lower() for name in unwanted}
        if both:
            raise OptionError(f"users: {' and '.join(sorted(both))}: both in add and in remove; leave one of them out")
        losers = [{"user": name, "is_wanted": False} for name in unwanted]  # first, so that their seats can be taken
        self.entries = losers + [{"user": name, "is_wanted": True} for name in wanted]

    def _holders(self) -> list[Principal]:
        """Return the users who hold one of the SKUs directly, or by an unknown path."""
        found = {}
        for sku, dummy in self._skus:
            for user in self._session.tenant.users(None, None, None, sku.id):
                is_unclear = any(not lic.is_known for lic in user.not_direct(sku.id))  # then removing it is an error, which says why
                if (user.direct(sku.id) or is_unclear) and user.id not in found:
                    self._users.add(user)
                    found[user.id] = user
        return list(found.values())

    def read(self, indexes: list[int]) -> dict[int, str]:
        """Return the ids of the users, who were all read before."""
        found = ((index, self._users.user(self.entries[index]["user"])) for index in indexes)
        return {index: user.id for index, user in found if user is not None}

    def plan(self, index: int, stage: int) -> tuple[Changes, int]:
        """The changes to one user's licenses, with the seats that earlier entries left. Raises OptionError for a user that the tenant does not have."""
        entry = self.entries[index]
        user = self._users.user(entry["user"])
        if user is None:
            raise OptionError(f"users: this tenant has no user {entry['user']!r}; check the spelling and the tenant")
        desired = desired_holder(user, self._skus, self._catalog, entry["is_wanted"], self._params)
        changes = self._planner.plan(user, desired)
        if changes.unnamed_groups:
            changes = self._planner.plan(self._users.with_group_names(user), desired)
        return changes, stage if changes.errors else self._ledger.note(changes, stage)

    def principal_id(self, index: int) -> str | None:
        """The id of the entry's user."""
        user: Principal | None = self._users.user(self.entries[index]["user"])
        return user.id if user else None

    def route(self, index: int) -> str:
        """Return the only path for users."""
        return "principal"
