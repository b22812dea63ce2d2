# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of a run who are released or restored, and the record of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..._engine.record import RecordFile, state_line
from ..._errors import OptionError
from ..._licensing.catalog import Catalog
from ..._licensing.desired.licensed_users import DesiredRun
from ..._licensing.episodes import Episode, episode_of
from ..._licensing.model import Sku
from ..._licensing.observed import Observed, Tenant
from ..._licensing.plan.choices import Resolved
from ..._licensing.plan.run_plan import UserPlan
from ..._licensing.restore import returns_of, still_open


class Leavers:
    """Records leavers before anything is sent, and returns what restored users get. Without such users, the file is not touched."""

    def __init__(self, desired: DesiredRun, params: Mapping) -> None:
        self._path: str | None = params["record_path"] if desired.has_records else None
        self._may_create = params.get("record_missing") == "create"
        self._file: RecordFile | None = None
        self._is_dry = True
        self._tenant = Tenant(Catalog())
        self._back: dict[str, Episode] = {}
        self._recorded: set[int] = set()
        self._begun: dict[str, Episode] = {}

    def begin(self, is_dry: bool) -> None:
        """Check that the file can be used. Raises OptionError when it cannot."""
        self._is_dry = is_dry
        self._file = RecordFile(self._path, self._may_create, is_dry) if self._path else None

    def open(self, desired: DesiredRun, tenant_id: str | None) -> tuple[dict[int, frozenset[str]], dict[str, Collection[str]]]:
        """Return the recorded ids of restored users by place, and the recorded ids of groups by user."""
        if self._file is None:
            return {}, {}
        if not tenant_id:
            raise OptionError("record_path: Graph does not report the id of the tenant, so nothing can be recorded; try again later")
        record = self._file.open(tenant_id)
        back = {index: one.name.lower() for index, one in enumerate(desired.users) if one.state == "restored"}
        aliases = {index: frozenset(record.ids[name]) for index, name in back.items() if name in record.ids}
        return aliases, {user_id: {group_id for one in episodes for group_id in one.groups} for user_id, episodes in record.open.items()}

    def skus(self) -> list[Sku]:
        """Return the SKUs of the record, with the name that they had: the tenant may no longer have them."""
        episodes = [one for some in self._file.record.open.values() for one in some] if self._file else []
        return [Sku(held.sku_id, one.names.get(held.sku_id, held.sku_id), is_owned=False) for one in episodes for held in (*one.licenses, *one.seats)]

    def returns(self, users: Mapping[int, Observed], aliases: Mapping[int, frozenset[str]], tenant: Tenant) -> dict[str, Resolved]:
        """Return what restored users get, by their id."""
        self._tenant = tenant
        if self._file is None or not users:
            return {}
        made = returns_of(users, aliases, self._file.record, tenant)
        self._back = {user_id: episode for user_id, (dummy, episode) in made.items() if episode is not None}
        return {user_id: resolved for user_id, (resolved, dummy) in made.items()}

    def record(self, plans: Sequence[UserPlan]) -> None:
        """Record what will be removed from leavers, on the disk, before anything of it is sent. Raises OptionError when that fails."""
        if self._file is None:
            return
        due = [one for one in plans if one.desired.state == "released" and one.index not in self._recorded and one.state]
        now = self._file.now()
        made = (episode_of(one.state, self._tenant, now) for one in due if one.state)
        begun = self._file.begin(episode for episode in made if episode is not None)
        self._begun.update({episode.user_id: episode for episode in begun})
        self._recorded |= {one.index for one in due}

    def note(self, one: UserPlan, outcome: str, is_rejected: bool) -> None:
        """Record that a user is released, or restored as far as possible. Raises OptionError when that fails.

        is_rejected says that Graph rejected all of it: then what this run has recorded of it does not count.
        """
        if self._file is None or self._is_dry or one.state is None or one.duplicate_of is not None:
            return
        user_id, is_done = one.state.before.id, outcome in ("changed", "unchanged")
        episodes = self._file.record.open.get(user_id, [])
        if one.desired.state == "released" and is_rejected and user_id in self._begun:
            self._file.note(state_line(self._begun[user_id], "rejected", self._file.now()))
        elif one.desired.state == "released" and outcome == "changed" and episodes:
            self._file.note(state_line(episodes[-1], "released", self._file.now()))
        elif one.desired.state == "restored" and is_done and user_id in self._back:
            whole = self._back[user_id]
            still = still_open(whole, one.state, self._tenant)
            if still.is_empty:
                self._file.note(state_line(whole, "restored", self._file.now()))
            elif still.held != whole.held:
                self._file.note(state_line(still, "partly_restored", self._file.now()))

    def close(self) -> None:
        """Close the file, so that another run can write it."""
        if self._file is not None:
            self._file.close()


def everyone(params: Mapping, users: Sequence) -> list[str]:
    """Return the ids of all recorded users who are not fully restored. Raises OptionError if users are named as well, or the file cannot be read."""
    if users or params["state"] != "restored":
        raise OptionError("restore_all is true, which requires state: restored and empty users; correct one of them")
    if not params.get("record_path"):
        raise OptionError("record_path is missing: give the file in which the licenses of leavers are recorded")
    return list(RecordFile(params["record_path"], False, True).open(None).open)
