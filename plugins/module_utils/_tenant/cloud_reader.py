# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads cloudLicensing of a whole tenant, or of some principals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from .._graph.answers import Request
from .._graph.batch import send_all
from .._graph.client import GraphClient
from .._graph.odata import key_segment
from .._licensing.model import Allotment, Assignment, AssignmentError, CloudState, Holder, Principal, UsageRight, WaitingMember
from .fields import check_selected, part, text
from .parse import allotment_of, assignment_error_of, assignment_of, cloud_state_of, holder_of, principal_of, right_of, waiting_member_of
from .reader import ALLOTMENTS, EXPAND_ALLOTMENT, Reader
from .requests import COLLECTIONS, allotment_path

_FEW = 100  # up to so many principals have their assignments read one by one; for more, those of the whole tenant are read
_ALL = f"/admin/cloudLicensing/assignments?{EXPAND_ALLOTMENT},assignedTo&$top=999"
_OF_PRINCIPAL = f"assignments?{EXPAND_ALLOTMENT}&$top=999"
_IDENTITY = {"user": "id,userPrincipalName", "group": "id,displayName", "device": "id,displayName"}
_OPTIONS = {"user": "users", "group": "groups", "device": "devices"}


class CloudReader:
    """Reads allotments, and what belongs to them. Holders are the named principals, else as Graph reports them."""

    def __init__(self, client: GraphClient, reader: Reader) -> None:
        self._client, self.reader = client, reader

    def allotments(self) -> list[Allotment]:
        """The allotments of the tenant. Raises LicensingError where the API is not available."""
        first = self._client.send("beta", Request("GET", ALLOTMENTS))
        self.reader.check_available(first)
        return [allotment_of(row) for row in self._client.rows("beta", first.checked())]

    def named(self, params: Mapping) -> list[Principal] | None:
        """The users, groups and devices that a task names, None when it names none. Raises OptionError with all that the tenant does not have."""
        if all(params[option] is None for option in _OPTIONS.values()):
            return None
        listed = [(kind, name, f"{option}[{index}]") for kind, option in _OPTIONS.items() for index, name in enumerate(params[option] or ())]
        return [principal_of(kind, body, has_licenses=False) for kind, body in self.reader.named(listed, _IDENTITY)]

    def states(self, principals: Iterable[Principal], allotments: Sequence[Allotment]) -> dict[str, CloudState]:
        """Principals with their assignments, by id, each read once. allotments are those of the tenant."""
        unique = {who.id: who for who in principals}
        found = self._rows_of(list(unique.values()))
        return {key: cloud_state_of(who, found[key], allotments) for key, who in unique.items()}

    def _rows_of(self, principals: list[Principal]) -> dict[str, list[Mapping]]:
        """Assignments by the id of their principal: those of each, or of the whole tenant, whichever takes fewer requests."""
        found: dict[str, list[Mapping]] = {who.id: [] for who in principals}
        if len(principals) > _FEW:
            for listed in self._client.pages("beta", _ALL):
                check_selected(listed, "assignedTo")
                found.get((text(part(listed, "assignedTo"), "id") or "").lower(), []).append(listed)
            return found
        for row, who in self._parts(principals, _OF_PRINCIPAL):
            found[who.id].append(row)
        return found

    def assignments(self, named: list[Principal] | None) -> Iterator[tuple[Assignment, Holder]]:
        """Assignments with their holders."""
        if named is None:
            return ((assignment_of(row), holder_of(row)) for row in self._client.pages("beta", _ALL))
        return ((assignment_of(row), _as_holder(who)) for row, who in self._parts(named, _OF_PRINCIPAL))

    def errors(self, named: list[Principal] | None) -> Iterator[tuple[AssignmentError, Holder]]:
        """Assignment errors with the principals that have them; Graph has none for groups and devices (graph-contract 1.3, 1.4)."""
        if named is None:
            rows = self._client.pages("beta", "/admin/cloudLicensing/assignmentErrors?$expand=assignedTo&$top=999")
            return ((assignment_error_of(row), holder_of(row)) for row in rows)
        return ((assignment_error_of(row), _as_holder(who)) for row, who in self._parts(named, "assignmentErrors", ("user",)))

    def waiting_members(self, named: list[Principal] | None, allotments: list[Allotment]) -> Iterator[tuple[WaitingMember, Holder]]:
        """Waiting members: of some principals, or of each allotment, 20 in a request."""
        if named is not None:
            known = {pool.id: pool for pool in allotments}
            for row, who in self._parts(named, "waitingMembers?$expand=allotment", ("user", "device")):
                queue = part(row, "allotment")
                if text(queue, "id"):
                    yield waiting_member_of(row, known.get(queue["id"]) or allotment_of(queue)), _as_holder(who)
            return
        requests = [Request("GET", f"{allotment_path(pool.id)}/waitingMembers?$expand=assignedTo&$top=999") for pool in allotments]
        for pool, answer in zip(allotments, send_all(self._client, "beta", requests)):
            if answer.status != 404:  # an allotment that was deleted since it was listed has no waiting members
                yield from ((waiting_member_of(row, pool), holder_of(row)) for row in self._client.rows("beta", answer.checked()))

    def usage_rights(self, named: list[Principal]) -> Iterator[tuple[UsageRight, Holder]]:
        """What principals may use by any path."""
        return ((right_of(row), _as_holder(who)) for row, who in self._parts(named, "usageRights?$expand=allotments"))

    def _parts(self, named: list[Principal], name: str, kinds: tuple[str, ...] = ("user", "group", "device")) -> Iterator[tuple[Mapping, Principal]]:
        """The rows of a part of principals, 20 of them in a request; a kind that has no such part has no rows (graph-contract 1.2 to 1.4)."""
        asked = [who for who in named if who.kind in kinds]
        requests = [Request("GET", f"{key_segment(COLLECTIONS[who.kind], who.id)}/cloudLicensing/{name}") for who in asked]
        for who, answer in zip(asked, send_all(self._client, "beta", requests)):
            if not answer.is_ok:
                raise answer.error().at(f"{who.kind} {who.name}")
            for row in self._client.rows("beta", answer.body):
                yield row, who


def _as_holder(principal: Principal) -> Holder:
    return Holder(principal.kind, principal.id, principal.name)
