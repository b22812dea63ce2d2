# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs M(m365.licensing.groups_assign_license): what groups assign to their members, and which members do not get it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._engine.task import Progress, TaskRun
from ..._errors import OptionError, Problem, WaitTimeoutError
from ..._licensing.desired.licensed_users import DesiredRun
from ..._licensing.desired.licensing_groups import desired_groups
from ..._licensing.plan.changes import Changes
from ..._licensing.show.results import error_rows
from ..options import GraphModule
from ..run import run_client
from ..session import Session
from ..stats import bounded, stats_of
from ..texts import list_of_text
from .licensed_users import UsersClient

_LISTED = 10  # members who are not reached, in the lines for people
_QUOTED = 3  # the same, in the message of the task


class GroupsClient(UsersClient):
    """Groups without users: the plan of licensed_users, with its licensing groups alone."""

    def __init__(self, module: GraphModule, session: Session) -> None:
        super().__init__(module, session)
        self._assigning: list[tuple[str, Changes]] = []
        self._unreached: list[dict] = []
        self._said: list[str] = []

    def _desire(self) -> DesiredRun:
        groups = desired_groups(list_of_text(self._params["groups"], "groups"), "groups")
        if self._params["wait_timeout"] != 300.0 and not self._params["wait"]:
            raise OptionError("wait_timeout is given, and wait is false; give wait: true, or leave wait_timeout out")
        return DesiredRun((), {}, licensing_groups=groups)

    def note(self, entry: Any, outcome: str, progress: Progress) -> str | None:
        """Keep the groups whose members get licenses, or have them."""
        if outcome in ("changed", "unchanged") and entry.changes is not None:
            self._assigning.append((entry.name, entry.changes))
        return None

    def finish(self, is_dry: bool) -> None:
        """Wait until Graph has assigned the licenses to the members, where the task asks for that, and read which members they do not reach.

        Raises WaitTimeoutError.
        """
        late = []
        for name, changes in self._assigning:
            if self._params["wait"] and not is_dry:
                try:
                    self.session.writer.wait(changes, self._params["wait_timeout"])
                except WaitTimeoutError as error:
                    late.append(f"{name}: {error.message}")
            if self._params["member_errors"] != "ignore":
                group = changes.before
                members = self.session.reader.members_in_error(group)
                rows = [row for member in members for row in error_rows(member, changes.catalog, group.id)]
                self._unreached += rows
                self._said += [f"{row['user_principal_name']} does not get {row['sku']} from {name}: {row['cause']}: {row['remedy']}" for row in rows]
        if late:
            raise WaitTimeoutError("; ".join(late))

    def answer(self, task: TaskRun) -> tuple[dict[str, Any], list[Problem]]:
        """Results, counts and lines of groups, and the members who are not reached."""
        results, problems = super().answer(task)
        said = self._said
        if said and self._params["member_errors"] == "fail":
            count = f"{len(said)} licenses do not reach their members" if len(said) > 1 else "1 license does not reach its member"
            text = count if self.is_reporting else f"{count}: {'; '.join(_first(said, _QUOTED))}"
            problems.append(Problem(text, code="members_in_error"))
        kept = ("changed", "diff", "plan_digest", "warnings")
        own = {name: results[name] for name in kept} | {"results": results["group_results"]}
        counts = {**self.groups.summary(), "members_with_errors": len(self._unreached)}
        own |= {
            "summary": {**results["summary"], **counts},
            "lines": [*results["lines"], *_first(said, _LISTED, ", see members_with_errors")],
            "members_with_errors": self._unreached,
        }
        del own["summary"]["groups"]
        groups = {**self.groups.stats(), "members_with_errors": len(self._unreached)}
        stats = stats_of({"groups": groups, "diff": bounded(one["prepared"] for one in own["diff"])})
        return {**own, "ansible_stats": stats}, problems


def _first(texts: Sequence[str], most: int, where: str = "") -> list[str]:
    """Return the first few texts, and how many more there are."""
    return [*texts[:most], *([f"and {len(texts) - most} more{where}"] if len(texts) > most else [])]


def run_licensed_groups(module: GraphModule) -> None:
    """Run the module, and exit."""
    run_client(module, GroupsClient)
