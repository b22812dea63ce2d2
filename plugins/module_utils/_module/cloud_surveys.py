# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads cloudLicensing of a whole tenant, or of some principals, for the info modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .._errors import OptionError
from .._graph.answers import Request
from .._graph.batch import SIZE, send_all, slices
from .._graph.client import GraphClient
from .._graph.odata import key_segment
from .._licensing.catalog import Catalog
from .._licensing.fields import part, text, unusable
from .._licensing.model import Allotment, Principal
from .._licensing.payloads import allotment_of, principal_of
from .._licensing.reports import allotment_row, assignment_row, cloud_error_row, right_row, waiting_row
from .options import check_user
from .readers import ALLOTMENTS, Reader
from .requests import COLLECTIONS, allotment_path

_FEW = 100  # principals whose assignments are read one by one; of more, those of the whole tenant are
_POOL = "$expand=allotment($select=id,skuId,skuPartNumber)"


class CloudSurvey:
    """Reads pools of seats, and what is about them."""

    def __init__(self, client: GraphClient, reader: Reader) -> None:
        self._client, self.reader = client, reader

    def allotments(self) -> list[Allotment]:
        """The pools of the tenant. Raises LicensingError where the API is not available."""
        first = self._client.send("beta", Request("GET", ALLOTMENTS))
        self.reader.check_available(first)
        return list({pool.id: pool for pool in map(allotment_of, self._client.rows("beta", first.checked()))}.values())

    def named(self, params: Mapping) -> list[Principal] | None:
        """The users, groups and devices that a task names, None when it names none at all. Raises OptionError with all that the tenant does not have."""
        options = {"user": "users", "group": "groups", "device": "devices"}
        if all(params[option] is None for option in options.values()):
            return None
        listed = [(kind, name, f"{option}[{index}]") for kind, option in options.items() for index, name in enumerate(params[option] or ())]
        fields = {"user": "id,userPrincipalName", "group": "id,displayName", "device": "id,displayName"}
        return [principal_of(kind, body, has_licenses=False) for kind, body in self.named_entities(listed, fields)]

    def named_entities(self, listed: list[tuple[str, str, str]], fields: Mapping[str, str]) -> Iterator[tuple[str, Mapping]]:
        """Kind and body of principals, of each of which kind, name and option are given: 20 in a request, one more for each display name.

        Raises OptionError at the end, with every name that the tenant does not have.
        """
        problems: list[str] = []
        for some in slices(listed, SIZE):
            paths = [(kind, name, where, self._path(kind, name, where, problems)) for kind, name, where in some]
            known = [row for row in paths if row[3]]
            answers = send_all(self._client, "v1.0", [Request("GET", f"{path}?$select={fields[kind]}") for kind, dummy, dummy_too, path in known])
            for (kind, name, where, dummy), answer in zip(known, answers):
                if answer.status == 404:
                    problems.append(f"{where}: this tenant has no {kind} {name!r}")
                else:
                    yield kind, answer.checked()
        if problems:
            raise OptionError("; ".join(problems) + "; check the spelling and the tenant")

    def _path(self, kind: str, name: str, where: str, problems: list[str]) -> str | None:
        try:
            if kind == "user":
                check_user(name, where)
            return self.reader.path(kind, name)
        except OptionError as error:
            problems.append(error.message if error.message.startswith(where) else f"{where}: {error.message}")
            return None

    def check_gather(self, gather: set[str], named: list[Principal] | None) -> None:
        """Raises OptionError for what Graph does not have of a whole tenant."""
        if "usage_rights" in gather and named is None:
            raise OptionError("gather: usage_rights are those of principals; name users, groups or devices, or take it out")

    def cloud(self, gather: set[str], named: list[Principal] | None, pools: list[Allotment], catalog: Catalog) -> dict[str, list[dict]]:
        """Rows of each part that is to be gathered."""
        rows = {}
        if "allotments" in gather:
            rows["allotments"] = sorted((allotment_row(pool, catalog) for pool in pools), key=lambda row: (row["sku"], row["id"]))
        if "assignments" in gather:
            rows["assignments"] = [assignment_row(row, catalog, who) for row, who in self._assignments(named)]
        if "errors" in gather:
            rows["errors"] = [cloud_error_row(row, catalog, who) for row, who in self._errors(named)]
        if "waiting_members" in gather:
            rows["waiting_members"] = [waiting_row(row, pool, catalog, who) for row, pool, who in self._waiting(named, pools)]
        if "usage_rights" in gather:
            rows["usage_rights"] = [right_row(row, who) for row, who in self._parts(named or [], "usageRights?$expand=allotments")]
        return rows

    def assignments_of(self, principals: list[Principal]) -> dict[str, list[Mapping]]:
        """The assignments by the id of their principal: those of each, or of the whole tenant in pages, whichever is less."""
        rows: dict[str, list[Mapping]] = {who.id: [] for who in principals}
        if len(principals) > _FEW:
            for listed in self._client.pages("beta", f"/admin/cloudLicensing/assignments?{_POOL},assignedTo&$top=999"):
                if "assignedTo" not in listed:
                    raise unusable("assignedTo", None)
                rows.get((text(part(listed, "assignedTo"), "id") or "").lower(), []).append(listed)
            return rows
        for row, who in self._parts(principals, f"assignments?{_POOL}&$top=999"):
            rows[who.id].append(row)
        return rows

    def _assignments(self, named: list[Principal] | None) -> Iterator[tuple[Mapping, Principal | None]]:
        if named is not None:
            yield from self._parts(named, f"assignments?{_POOL}&$top=999")
            return
        for row in self._client.pages("beta", f"/admin/cloudLicensing/assignments?{_POOL},assignedTo&$top=999"):
            yield row, None

    def _errors(self, named: list[Principal] | None) -> Iterator[tuple[Mapping, Principal | None]]:
        if named is not None:
            yield from self._parts(named, "assignmentErrors", ("user",))
            return
        for row in self._client.pages("beta", "/admin/cloudLicensing/assignmentErrors?$expand=assignedTo&$top=999"):
            yield row, None

    def _waiting(self, named: list[Principal] | None, pools: list[Allotment]) -> Iterator[tuple[Mapping, Allotment, Principal | None]]:
        """Who waits: of some principals, or pool by pool, 20 pools in a request."""
        if named is not None:
            known = {pool.id: pool for pool in pools}
            for row, who in self._parts(named, "waitingMembers?$expand=allotment", ("user", "device")):
                queue = part(row, "allotment")
                if text(queue, "id"):
                    yield row, known.get(queue["id"]) or allotment_of(queue), who
            return
        requests = [Request("GET", f"{allotment_path(pool.id)}/waitingMembers?$expand=assignedTo&$top=999") for pool in pools]
        for pool, answer in zip(pools, send_all(self._client, "beta", requests)):
            if answer.status != 404:  # an allotment that was deleted since it was listed keeps nobody waiting
                yield from ((row, pool, None) for row in self._client.rows("beta", answer.checked()))

    def _parts(self, named: list[Principal], name: str, kinds: tuple[str, ...] = ("user", "group", "device")) -> Iterator[tuple[Mapping, Principal]]:
        """The rows of a part of principals, 20 of them in a request; a kind that has no such part has no rows (graph-contract 1.2 to 1.4)."""
        asked = [who for who in named if who.kind in kinds]
        requests = [Request("GET", f"{key_segment(COLLECTIONS[who.kind], who.id)}/cloudLicensing/{name}") for who in asked]
        for who, answer in zip(asked, send_all(self._client, "beta", requests)):
            if not answer.is_ok:
                error = answer.error()
                error.message = f"{who.kind} {who.name}: {error.message}"
                raise error
            for row in self._client.rows("beta", answer.body):
                yield row, who
