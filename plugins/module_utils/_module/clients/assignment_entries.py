# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What M(m365.licensing.cloud_license_assignments) declares: assignments for the principals of a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..._errors import LicensingError, OptionError
from ..._graph.answers import Request
from ..._graph.batch import send_all
from ..._licensing.catalog import Catalog
from ..._licensing.desired.licenses import DesiredAssignment, desired_assignment
from ..._licensing.model import CloudState, Group, Principal
from ..._licensing.plan.assignments import plan_assignment
from ..._licensing.plan.changes import Changes, CreateAssignment, UpdateAssignment
from ..._licensing.resolve import Resolver
from ..._tenant.parse import cloud_group_of, principal_of
from ..._tenant.requests import principal_path
from ..._tenant.user_list import UserList
from ..options import check_bulk
from ..options import principal_of as named_principal
from ..session import Session
from .entries import PoolLedger, merged

KINDS = ("user", "group", "device")
DEFAULTS = (
    "sku", "subscription_id", "usage_location", "disabled_plans", "enabled_plans", "plans_mode", "state", "allotment_choice", "exclusive", "route",
    "seat_check", "plan_check",
)  # fmt: skip


class AssignmentEntries:
    """The entries of assignments, with the defaults of the task."""

    option: str = "assignments"
    keys: tuple[str, ...] = KINDS
    version: str = "beta"

    def __init__(self, params: Mapping) -> None:
        """Raises OptionError with every entry that contradicts itself."""
        check_bulk(params)
        own = [{**entry, "sku": entry.get("sku") or (None if entry.get("allotment") else params.get("sku"))} for entry in params["assignments"]]
        self.entries = merged(own, params, [name for name in DEFAULTS if name != "sku"])
        self._desired = _desired_of(self.entries)
        self.described: Any = self.entries
        self._states: dict[str, CloudState] = {}
        self._principals: dict[int, Principal] = {}
        self._problems: dict[int, LicensingError] = {}

    def begin(self, session: Session) -> str | None:
        """Reads the allotments, by whose ids the tenant is known."""
        self._session = session
        self._ledger = PoolLedger(session.cloud.allotments())
        return " ".join(sorted(pool.id for pool in self._ledger.pools))

    def read(self, indexes: list[int]) -> dict[int, str]:
        """Reads principals and assignments, and the usage rights of users who get a write."""
        self._read_users([index for index in indexes if self.entries[index].get("user")])
        self._read_others([index for index in indexes if not self.entries[index].get("user")])
        self._states = self._session.cloud.states(self._principals.values(), self._ledger.pools)
        self._read_rights(indexes)
        self._check_locations(indexes)
        return self._targets(indexes)

    def plan(self, index: int, stage: int) -> tuple[Changes, int]:
        """The changes of one entry, with the seats that those before left. Raises LicensingError for a principal that the tenant does not have."""
        if index in self._problems:
            raise self._problems[index]
        who = self._principals[index]
        changes = self._planned(index, replace(self._states[who.id], allotments=self._pools(who.id)))
        if changes.wants_members:
            group = self._session.reader.with_members(changes.before.principal)
            changes = self._planned(index, changes.before.with_principal(group))
        if changes.errors:
            return changes, stage
        self._states[who.id] = changes.after
        return changes, self._ledger.note(changes, stage)

    def principal_id(self, index: int) -> str | None:
        """The id of the entry's principal."""
        return self._principals[index].id if index in self._principals else None

    def route(self, index: int) -> str:
        """Which of Graph's paths the entry takes."""
        return self.entries[index].get("route") or "principal"

    def _planned(self, index: int, state: CloudState) -> Changes:
        return plan_assignment(state, self._desired[index], self._session.reader.names)

    def _pools(self, principal_id: str) -> tuple:
        """The allotments with the seats that are left, and those that only assignments of the principal know."""
        listed = {pool.id for pool in self._ledger.pools}
        return tuple(pool for pool in self._states[principal_id].allotments if pool.id not in listed) + self._ledger.pools

    def _targets(self, indexes: list[int]) -> dict[int, str]:
        """What each entry is about: principal and SKU, or principal and allotment where every entry of that SKU names one."""
        known = [index for index in indexes if index in self._principals]
        skus = {index: (self._principals[index].id, self._sku_id(index)) for index in known}
        narrow = {pair for pair in skus.values() if all(self.entries[index].get("allotment") for index in known if skus[index] == pair)}
        return {index: " ".join([*pair, self.entries[index]["allotment"].lower() if pair in narrow else ""]) for index, pair in skus.items()}

    def _sku_id(self, index: int) -> str:
        """The id of an entry's SKU, or what the entry calls it where it is unknown."""
        entry = self.entries[index]
        if entry.get("allotment"):
            found = (pool.sku.id for pool in self._ledger.pools if pool.id.lower() == entry["allotment"].lower())
            return next(found, entry["allotment"].lower())
        sku = Resolver(Catalog([pool.sku for pool in self._ledger.pools], self._session.reader.names)).sku(entry["sku"], "sku")
        return sku.id if sku else entry["sku"].lower()

    def _check_locations(self, indexes: list[int]) -> None:
        """Raise OptionError for users with entries of different usage locations."""
        desired: dict[str, dict[str, int]] = {}
        for index in indexes:
            if index in self._principals and self.entries[index].get("usage_location"):
                desired.setdefault(self._principals[index].id, {}).setdefault(self.entries[index]["usage_location"].upper(), index)
        for places in desired.values():
            if len(places) > 1:
                listed = " and ".join(f"assignments[{index}] {place}" for place, index in places.items())
                raise OptionError(f"usage_location: one user would get several, {listed}; give one")

    def _read_users(self, indexes: list[int]) -> None:
        users = UserList(self._session.client, self._session.reader)
        users.read([self.entries[index]["user"] for index in indexes])
        for index in indexes:
            self._keep(index, "user", users.user(self.entries[index]["user"]))

    def _read_others(self, indexes: list[int]) -> None:
        """Groups and devices: twenty in a request, one more for each display name."""
        asked = []
        for index in indexes:
            kind, name = named_principal(self.entries[index], KINDS)
            try:
                asked.append((index, kind, f"{self._session.reader.path(kind, name)}?$select=id,displayName"))
            except OptionError as error:
                self._problems[index] = OptionError(f"assignments[{index}].{error.message}")
        answers = send_all(self._session.client, "v1.0", [Request("GET", path) for dummy, dummy_too, path in asked])
        for (index, kind, dummy), answer in zip(asked, answers):
            made = None
            if answer.status != 404:
                made = cloud_group_of(answer.checked()) if kind == "group" else principal_of(kind, answer.checked())
            self._keep(index, kind, made)

    def _keep(self, index: int, kind: str, principal: Principal | Group | None) -> None:
        if principal is None:
            self._problems[index] = OptionError(
                f"assignments[{index}]: this tenant has no {kind} {self.entries[index][kind]!r}; check the spelling and the tenant"
            )
        else:
            self._principals[index] = principal

    def _read_rights(self, indexes: list[int]) -> None:
        """Read the usage rights of the users whose assignments are created or changed: only theirs matter."""
        asked = {}
        for index in indexes:
            who = self._principals.get(index)
            if who is not None and who.kind == "user" and who.id not in asked and self._writes(index, self._states[who.id]):
                asked[who.id] = Request("GET", f"{principal_path(who)}/cloudLicensing/usageRights?$expand=allotments")
        for principal_id, answer in zip(asked, send_all(self._session.client, "beta", list(asked.values()))):
            rights = self._session.reader.rights_of([answer])
            self._states[principal_id] = replace(self._states[principal_id], rights=rights, are_rights_known=answer.is_ok)

    def _writes(self, index: int, state: CloudState) -> bool:
        try:
            return any(isinstance(one, (CreateAssignment, UpdateAssignment)) for one in self._planned(index, state).operations)
        except OptionError:
            return False


def _desired_of(entries: list[dict]) -> list[DesiredAssignment]:
    """What each entry declares. Raises OptionError with every entry that cannot be read."""
    problems, desired = [], []
    for index, entry in enumerate(entries):
        try:
            named_principal(entry, KINDS)
            if entry.get("sku") and entry.get("allotment"):
                raise OptionError("sku and allotment exclude each other; give one of them")
            if not entry.get("sku") and not entry.get("allotment"):
                raise OptionError("one of sku and allotment must be given, here or for all")
            if entry.get("usage_location") and not entry.get("user"):
                del entry["usage_location"]
            desired.append(desired_assignment(entry))
        except OptionError as error:
            problems.append(f"assignments[{index}]: {error.message}")
    if problems:
        raise OptionError("; ".join(problems))
    return desired
