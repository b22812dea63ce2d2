# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks that --diff shows, as administrators read them."""

from __future__ import annotations

import textwrap

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.blocks import seats_text
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.text import printable
from hypothesis import given
from hypothesis import strategies as st
from support.seeds import upn
from support.values import sku

PROFILES = {
    "analyst": {"usage_location": "DE", "licenses": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}]},
    "lead": {"usage_location": "DE", "licenses": [{"sku": "SPE_E5", "disabled_plans": ["YAMMER_ENTERPRISE"]}]},
    "maker": {"usage_location": "DE", "allotments": [{"sku": "POWER_BI_PRO", "allotment_choice": "most_available"}]},
    "desk": {"usage_location": "DE", "groups": ["Support desk"]},
    "full": {"licenses": [{"sku": "STANDARDPACK"}]},
    "typo": {"usage_location": "DE", "licenses": [{"sku": "SPE_E33"}]},
}

# title: (entry, block)
BLOCKS = {
    "a joiner": (
        {"user": upn("alice"), "profile": "lead"},
        """
        alice@contoso.example (lead)
          + usage location DE
          + SPE_E5  without YAMMER_ENTERPRISE
        """,
    ),
    "a mover": (
        {"user": upn("bob"), "profile": "lead", "from": "analyst"},
        """
        bob@contoso.example (analyst → lead)
          + SPE_E5             without YAMMER_ENTERPRISE
          - SPE_E3             replaced by SPE_E5
          - service plans off  FLOW_O365_P2, FORMS_PLAN_E3, STREAM_O365_E3, WHITEBOARD_PLAN2
        """,
    ),
    "into a group": (
        {"user": upn("carol"), "profile": "desk", "from": "analyst"},
        """
        carol@contoso.example (analyst → desk)
          + usage location DE   before: US
          + group Support desk  assigns SPE_E3
          - SPE_E3              after group Support desk assigns it
          - service plans off   SWAY
        """,
    ),
    "a seat": (
        {"user": upn("grace"), "profile": "maker"},
        """
        grace@contoso.example (maker)
          + usage location DE  before: US
          + POWER_BI_PRO       seat of allotment 4vthonot… (0 of 2 used)
        """,
    ),
    "beside a group": (
        {"user": upn("heidi"), "profile": "analyst"},
        """
        heidi@contoso.example (analyst)
          + SPE_E3  without SWAY
          = SPE_E3  through group Support desk
        """,
    ),
    "service plans": (
        {"user": upn("bob"), "licenses": [{"sku": "SPE_E3", "disabled_plans": ["YAMMER_ENTERPRISE", "TEAMS1"]}]},
        """
        bob@contoso.example
          ~ SPE_E3  turns SWAY on, turns TEAMS1 off, still without YAMMER_ENTERPRISE
          * disabled_plans does not name SWAY of SPE_E3, off for bob@contoso.example until now: name what must stay off, or set plans_mode: merge
        """,
    ),
    "a leaver": (
        {"user": upn("dave"), "state": "released"},
        """
        dave@contoso.example (released)
          - SPE_E3
          - POWER_BI_PRO
        """,
    ),
    "no seat": (
        {"user": upn("grace"), "profile": "full"},
        """
        grace@contoso.example (full)
          ! no free seat of STANDARDPACK (1 of 1 in use): buy or free a seat, or set seat_check: try
        """,
    ),
    "a conflict": (
        {"user": upn("heidi"), "profile": "full"},
        """
        heidi@contoso.example (full)
          ! SPE_E3 through group Support desk (held) and STANDARDPACK (not held yet) bring service plans that exclude each other, and both would be on: \
EXCHANGE_S_ENTERPRISE and EXCHANGE_S_STANDARD, SHAREPOINTENTERPRISE and SHAREPOINTSTANDARD: turn all but one off, or remove the SKU that brings the other; \
if this tenant allows it, set plan_check: try
        """,
    ),
    "a typo": (
        {"user": upn("grace"), "profile": "typo"},
        """
        grace@contoso.example (typo)
          ! profiles.typo.licenses[0].sku: no SKU 'SPE_E33' of this tenant (nearest: SPE_E3, SPE_E5)
        """,
    ),
    "nothing": ({"user": upn("ivan"), "usage_location": "JP"}, ""),
}


@pytest.mark.parametrize("title", BLOCKS)
def test_block(tenant, title, tmp_path):
    entry, expected = BLOCKS[title]
    more = {"record_path": str(tmp_path / "leavers.jsonl"), "record_missing": "create"}
    result = tenant.check("licensed_users", users=[entry], profiles=PROFILES, remove="previous", max_removals="100%", **more)
    assert "".join(diff["prepared"] for diff in result["diff"]) == textwrap.dedent(expected).lstrip("\n")


def test_product_names_stand_beside_part_numbers(tenant, tmp_path):
    path = tmp_path / "names.csv"
    head = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names\n"
    e5 = next(one for one in tenant.store.skus.values() if one["part_number"] == "SPE_E5")
    path.write_text(f"{head}Microsoft 365 E5,SPE_E5,{e5['sku_id']},SWAY,a23b959c-7ce8-4e57-9140-b90eb88a9e97,Sway\n")
    result = tenant.check("licensed_users", users=[{"user": upn("grace"), "profile": "lead"}], profiles=PROFILES, sku_names=str(path))
    assert "  + SPE_E5  Microsoft 365 E5  without YAMMER_ENTERPRISE\n" in result["diff"][0]["prepared"]


def test_who_changes_is_named_where_no_diff_is_shown(tenant):
    users = [{"user": upn(name), "profile": "analyst"} for name in ("alice", "grace", "ivan")]
    plain, shown = (tenant.run("licensed_users", check=True, users=users, profiles=PROFILES, _ansible_diff=is_shown) for is_shown in (False, True))
    names = ", ".join(upn(name) for name in ("alice", "grace", "ivan"))
    assert plain["lines"] == ["3 users: 3 to change, 0 unchanged. Seats: SPE_E3 5 → 7 of 14", f"to change: {names}"]
    assert shown["lines"] == plain["lines"][:1]


def test_seats_of_skus_that_change():
    catalog = Catalog([sku("E3", "A", free=3), sku("E5", "B", free=1)])
    first, second = catalog
    assert seats_text({first.id: 2, second.id: 0}, catalog) == f". Seats: E3 {first.seats.consumed} → {first.seats.consumed + 2} of {first.seats.owned}"
    assert seats_text({}, catalog) == ""


@given(st.text())
def test_a_hostile_name_stays_in_its_line(text):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 or 0x202A <= ord(one) <= 0x202E or 0x2066 <= ord(one) <= 0x2069 for one in shown)
