# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what people hold, and keeps it in a file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from .._errors import LicensingError, is_closed
from .._files import check_writable, exists, locked_folder, read_regular, replaced
from .._licensing.catalog import Catalog
from .._licensing.model import Assignment, Group, Principal
from .._licensing.records import is_empty, merged_record, record_of, release_of, snapshot_of
from .._licensing.resolve import Resolver
from .._tenant.user_list import UserList
from .options import GraphModule, check_user
from .run import Run, guarded
from .session import Session


class Recorder:
    """Takes a snapshot of some users into a file, or notes in it that they have everything again."""

    def __init__(self, session: Session, params: Mapping) -> None:
        """Raises OptionError for names that can be none, and for a file that cannot be written."""
        self._session, self._params, self._path = session, params, params["path"]
        for index, entry in enumerate(params["users"]):
            check_user(entry["user"], f"users[{index}].user")
        check_writable(self._path, "path")
        self.releases: list[dict] = []
        self.missing: list[str] = []
        self.warnings: list[str] = []

    def record(self) -> tuple[dict, dict]:
        """The snapshot before and after: who holds nothing, and is not in it, does not come into it."""
        reader = self._session.reader
        catalog = reader.catalog()
        before = self._read(reader.tenant_id)
        people = self._people()
        groups = self._groups(people)
        seats = self._seats(people)
        kept = self._kept(catalog, people)
        after = dict(before["people"])
        for (index, entry), user in zip(enumerate(self._params["users"]), people):
            if user is None:
                self.missing.append(entry["user"])
                continue
            record = record_of(user, seats.get(user.id, ()), groups, catalog)
            self.releases.append(release_of(user, record, kept[index]))
            name = next((known for known, row in after.items() if row["id"] == user.id), user.name)
            if not is_empty(record):
                merged = merged_record(before["people"].get(name), record)
                after[name] = {**merged, "taken": merged.get("taken") or _now()}
        return before, {**before, "people": after}

    def mark(self, state: str) -> tuple[dict, dict]:
        """The snapshot before, and after it was noted of the users that they are released, or have everything again."""
        before = self._read(None)
        names = {entry["user"].lower() for entry in self._params["users"]}
        after = {name: {**row, state: row.get(state) or _now()} if {name.lower(), row["id"]} & names else row for name, row in before["people"].items()}
        return before, {**before, "people": after}

    def write(self, snapshot: dict) -> None:
        """Replaces the file at once: who reads it sees the old one or the new one."""
        with replaced(self._path, "path") as file:
            json.dump(snapshot, file, indent=2, ensure_ascii=False, sort_keys=True)
            file.write("\n")

    def _read(self, tenant: str | None) -> dict:
        content = read_regular(self._path, "path") if exists(self._path, "path") else b""
        return snapshot_of(content.decode("utf-8", "replace"), tenant, f"path: {self._path}")

    def _people(self) -> list[Principal | None]:
        users = UserList(self._session.client, self._session.reader)
        names = [entry["user"] for entry in self._params["users"]]
        users.read(names)
        return [users.user(name) for name in names]

    def _groups(self, people: list[Principal | None]) -> dict[str, Group]:
        """The groups that give licenses to people."""
        return self._session.reader.groups(sorted({lic.group_id for user in people if user for lic in user.licenses if lic.group_id}))

    def _seats(self, people: list[Principal | None]) -> dict[str, list[Assignment]]:
        """The assignments by the id of the user; nothing where they cannot be read, unless they are required."""
        how, known = self._params["pools"], [user for user in people if user]
        if how == "none" or not known:
            return {}
        try:
            allotments = self._session.cloud.allotments()
            return {key: list(state.assignments) for key, state in self._session.cloud.states(known, allotments).items()}
        except LicensingError as error:
            if how == "required" or not is_closed(error):
                raise
            self.warnings.append(f"pools are not recorded, as cloudLicensing cannot be read here; licenses are, whatever pool they come from. {error.message}")
            return {}

    def _kept(self, catalog: Catalog, people: list[Principal | None]) -> list[set[str]]:
        """The ids of SKUs that each user keeps. Raises OptionError with every name that the tenant does not know."""
        resolver = Resolver(catalog, {lic.sku_id for user in people if user for lic in user.licenses})
        common = [resolver.sku(name, f"keep[{index}]") for index, name in enumerate(self._params["keep"] or ())]
        own = [[resolver.sku(name, f"keep of {entry['user']}") for name in entry.get("keep") or ()] for entry in self._params["users"]]
        resolver.check()
        return [{sku.id for sku in (*common, *some) if sku} for some in own]


def run_snapshot(module: GraphModule) -> None:
    """Runs the module, and exits."""
    guarded(module, lambda run: _run(module, run))


def _run(module: GraphModule, run: Run) -> None:
    recorder = Recorder(run.open(), module.params)
    state = module.params["state"]
    with locked_folder(module.params["path"], "path"):
        before, after = recorder.record() if state == "present" else recorder.mark(state)
        is_changed = before != after
        if is_changed and not module.check_mode:
            recorder.write(after)
    for text in recorder.warnings:
        module.warn(text)
    names = sorted(name for name, row in after["people"].items() if row != before["people"].get(name))
    shown = {"before_header": module.params["path"], "after_header": module.params["path"]}
    module.exit_json(
        changed=is_changed,
        recorded=names,
        releases=recorder.releases,
        missing=recorder.missing,
        diff={**shown, "before": "", "after": "".join(f"{name}\n" for name in names)},
    )


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
