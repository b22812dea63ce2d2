# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service plans that exclude or need each other, as far as Microsoft or a captured error of Graph says so.

A rule that a principal breaks already is not enforced in that tenant: it is not applied to that principal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Service plans of which a user can have only one: "Product names and service plan identifiers for licensing", last section
EXCLUSIVE: tuple[dict[str, str], ...] = (
    {
        "119cf168-b6cf-41fb-b82e-7fee7bae5814": "CRMPLAN1",
        "bf36ca64-95c6-4918-9275-eb9f4ce2c04f": "CRMPLAN2",
        "f9646fb2-e3b2-4309-95de-dc4833737456": "CRMSTANDARD",
        "056a5f80-b4e0-4983-a8be-7ad254a113c9": "DYN365_ENTERPRISE_P1_IW",
        "2da8e897-7791-486b-b08f-cc63c8129df7": "DYN365_ENTERPRISE_SALES",
        "6a54b05e-4fab-40e7-9828-428db3b336fa": "DYN365_ENTERPRISE_TEAM_MEMBERS",
        "ba5f0cfa-d54a-4ea0-8cf4-a7e1dc4423d8": "EMPLOYEE_SELF_SERVICE",
    },
    {
        "9aaf7827-d63c-4b61-89c3-182f06f82e5c": "EXCHANGE_S_STANDARD",
        "efb87545-963c-4e0d-99df-69c6916d9eb0": "EXCHANGE_S_ENTERPRISE",
    },
    {
        "c7699d2e-19aa-44de-8edf-1736da088ca1": "SHAREPOINTSTANDARD",
        "5dbe027f-2339-4123-9542-606e4d348a72": "SHAREPOINTENTERPRISE",
    },
    {
        "bea4c11e-220a-4e6d-8eb8-8ea15d019f90": "RMS_S_ENTERPRISE",
        "6a76346d-5d6e-4051-9fe3-ed3f312b5597": "RMS_S_ENTERPRISE_GOV",
    },
    {
        "c1ec4a95-1f05-45b3-a911-aa3fa01094f5": "INTUNE_A",
        "3e170737-c728-4eae-bbb9-3f3360f7184c": "INTUNE_A_VL",
        "2dc63b8a-df3d-448f-b683-8655877c9360": "INTUNE_B",
    },
    {
        "afc06cb0-b4f4-4473-8286-d644f70d8faf": "MCOIMP",
        "b2669e95-76ef-4e7e-a367-002f60a39f3e": "MCOSTANDARD_MIDMARKET",
        "0feaeb32-d00e-4d66-bd5a-43b5b83db82c": "MCOSTANDARD",
        "70710b6b-3ab4-4a38-9f6d-9f169461650a": "MCOLITE",
    },
    {
        "4ed3ff63-69d7-4fb7-b984-5aec7f605ca8": "MCOPSTN1",
        "5a10155d-f5c1-411a-a8ec-e99aae125390": "MCOPSTN2",
        "54a152dc-90de-4996-93d2-bc47e670fc06": "MCOPSTN5",
    },
    {
        "7547a3fe-08ee-4ccb-b430-5077c5041653": "YAMMER_ENTERPRISE",
        "2078e8df-cff6-4290-98cb-5408261a760a": "YAMMER_EDU",
        "41bf139a-4e60-409f-9346-a1361efc6dfb": "YAMMER_MIDSIZE",
    },
)

# The same list has these, but several of them can be on together by now: a warning, no error
ONCE_EXCLUSIVE: tuple[dict[str, str], ...] = (
    {
        "90927877-dcff-4af6-b346-2332c0b15bb7": "EXCHANGE_B_STANDARD",
        "da040e0a-b393-4bea-bb76-928b3fa1cf5a": "EXCHANGE_S_ARCHIVE",
        "4a82b400-a79f-41a4-b4e2-e94f5787b113": "EXCHANGE_S_DESKLESS",
        "1126bef5-da20-4f07-b45e-ad25d2581aa8": "EXCHANGE_S_ESSENTIALS",
        "9aaf7827-d63c-4b61-89c3-182f06f82e5c": "EXCHANGE_S_STANDARD",
        "fc52cc4b-ed7d-472d-bbe7-b081c23ecc56": "EXCHANGE_S_STANDARD_MIDMARKET",
    },
    {
        "afcafa6a-d966-4462-918c-ec0b4e0fe642": "ONEDRIVEENTERPRISE",
        "a361d6e2-509e-4e25-a8ad-950060064ef4": "SHAREPOINT_S_DEVELOPER",
        "902b47e5-dcb2-4fdc-858b-c63a90a2bdb9": "SHAREPOINTDESKLESS",
        "5dbe027f-2339-4123-9542-606e4d348a72": "SHAREPOINTENTERPRISE",
        "63038b2c-28d0-45f6-bc36-33062963b498": "SHAREPOINTENTERPRISE_EDU",
        "6b5b6a67-fc72-4a1f-a2b5-beecf05de761": "SHAREPOINTENTERPRISE_MIDMARKET",
        "a1f3d0a8-84c0-4ae0-bae4-685917b8ab48": "SHAREPOINTLITE",
        "c7699d2e-19aa-44de-8edf-1736da088ca1": "SHAREPOINTSTANDARD",
        "0a4983bb-d3e5-4a09-95d8-b2d0127b3df5": "SHAREPOINTSTANDARD_EDU",
        "4c9efd0c-8de7-4c71-8295-9f5fdb0dd048": "SHAREPOINTSTANDARD_YAMMERSHADOW",
    },
)

_CALLING = {"0feaeb32-d00e-4d66-bd5a-43b5b83db82c": "MCOSTANDARD", "57ff2da0-773e-42df-b2af-ffb7a2317929": "TEAMS1"}
_CALLING_GOV = {"a31ef4a2-f787-435e-8335-e47eb0cafc94": "MCOSTANDARD_GOV", "304767db-7d23-49e8-a945-4a7eb65f9f28": "TEAMS_GOV"}

# A service plan, and those of which it needs one. The two of audio conferencing for government come from a captured error
# (graph-contract E4), those of calling are the same outside the government's clouds, the office one follows the admin center's text, with every
# service plan that Microsoft sells it with
NEEDS: dict[str, tuple[str, dict[str, str]]] = {
    "e95bec33-7c88-4a70-8e19-b10bd9d0c014": (
        "SHAREPOINTWAC",
        {
            "c7699d2e-19aa-44de-8edf-1736da088ca1": "SHAREPOINTSTANDARD",
            "5dbe027f-2339-4123-9542-606e4d348a72": "SHAREPOINTENTERPRISE",
            "902b47e5-dcb2-4fdc-858b-c63a90a2bdb9": "SHAREPOINTDESKLESS",
            "0a4983bb-d3e5-4a09-95d8-b2d0127b3df5": "SHAREPOINTSTANDARD_EDU",
            "63038b2c-28d0-45f6-bc36-33062963b498": "SHAREPOINTENTERPRISE_EDU",
            "6b5b6a67-fc72-4a1f-a2b5-beecf05de761": "SHAREPOINTENTERPRISE_MIDMARKET",
            "a1f3d0a8-84c0-4ae0-bae4-685917b8ab48": "SHAREPOINTLITE",
            "a361d6e2-509e-4e25-a8ad-950060064ef4": "SHAREPOINT_S_DEVELOPER",
            "13696edf-5a08-49f6-8134-03083ed8ba30": "ONEDRIVESTANDARD",
            "afcafa6a-d966-4462-918c-ec0b4e0fe642": "ONEDRIVEENTERPRISE",
            "da792a53-cbc0-4184-a10d-e544dd34b3c1": "ONEDRIVE_BASIC",
            "4495894f-534f-41ca-9d3b-0ebf1220a423": "ONEDRIVE_BASIC_P2",
        },
    ),
    "4828c8ec-dc2e-4779-b502-87ac9ce28ab7": ("MCOEV", _CALLING),
    "3e26ee1f-8a5f-4d52-aee2-b81ce45c8f40": ("MCOMEETADV", _CALLING),
    "f544b08d-1645-4287-82de-8d91f37c02a1": ("MCOMEETADV_GOV", _CALLING_GOV),
}


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """Service plans by name: those that exclude each other, or the one that lacks one of the others. One that is not certain is only a warning."""

    is_certain: bool = True
    excluding: tuple[str, ...] = ()
    lacking: str | None = None
    needed: tuple[str, ...] = ()


def broken_rules(before: Iterable[str], after: Iterable[str]) -> list[BrokenRule]:
    """The rules that service plans break after a change and did not break before. Both are ids of those that are on."""
    old, new = frozenset(before), frozenset(after)
    broken = []
    for family in EXCLUSIVE + ONCE_EXCLUSIVE:
        clash = family.keys() & new
        if len(clash) > 1 and not clash <= old:
            broken.append(BrokenRule(excluding=tuple(sorted(family[service_plan_id] for service_plan_id in clash)), is_certain=family in EXCLUSIVE))
    known = {rule.excluding for rule in broken if rule.is_certain}
    broken = [rule for rule in broken if rule.is_certain or rule.excluding not in known]
    for service_plan_id, (name, needed) in NEEDS.items():
        if _lacks(service_plan_id, needed, new) and not _lacks(service_plan_id, needed, old):
            broken.append(BrokenRule(lacking=name, needed=tuple(needed.values())))
    return broken


def _lacks(service_plan_id: str, needed: Iterable[str], on: frozenset[str]) -> bool:
    return service_plan_id in on and on.isdisjoint(needed)
