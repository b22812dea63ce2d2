# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every figure of the report against the raw rows of random tenants, ill ones among them: counted anew here, in another way."""

from __future__ import annotations

from collections import Counter

from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.usage import LicenseUsage, drift_of, ends_of, is_report, judged
from ansible_collections.m365.licensing.plugins.module_utils._tenant.parse import company_subscription_of, reported_user_of, skus_of
from hypothesis import given
from hypothesis import strategies as st

SKUS = [f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc"]
GROUPS = ["00000000-0000-4000-8000-00000000000f", "00000000-0000-4000-8000-00000000000e"]
TODAY = "2026-11-26"
SIGNS = ("lastSignInDateTime", "lastNonInteractiveSignInDateTime", "lastSuccessfulSignInDateTime")

states = st.fixed_dictionaries(
    {
        "skuId": st.sampled_from([*SKUS, "dddddddd-0000-4000-8000-000000000000"]),
        "assignedByGroup": st.sampled_from([None, *GROUPS]),
        "state": st.sampled_from(["Active", "ActiveWithError", "Error", "Disabled"]),
        "error": st.sampled_from([None, "None", "CountViolation"]),
        "disabledPlans": st.just([]),
    }
)
sign_ins = st.one_of(st.none(), st.fixed_dictionaries({name: st.sampled_from([None, "2026-11-25T00:00:00Z"]) for name in SIGNS}))


@st.composite
def users(draw):
    """Rows of users: some shown twice, some with licenses of an unknown origin, some of whom Graph does not say whether they ever signed in."""
    rows = []
    for number in range(draw(st.integers(0, 6))):
        paths = draw(st.lists(states, max_size=4, unique_by=lambda row: (row["skuId"], row["assignedByGroup"])))
        merged = {row["skuId"] for row in paths if row["state"] != "Error"} | set(draw(st.lists(st.sampled_from(SKUS), max_size=1)))
        row = {
            "id": f"00000000-0000-4000-8000-{number:012}",
            "userPrincipalName": f"u{number}@c.example",
            "accountEnabled": draw(st.booleans()),
            "licenseAssignmentStates": paths,
            "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in sorted(merged)],
        }
        if draw(st.booleans()):
            row["signInActivity"] = draw(sign_ins)
        rows += [row] * draw(st.sampled_from([1, 1, 2]))
    return draw(st.permutations(rows))


@st.composite
def skus(draw):
    """Rows of SKUs: over-assigned, suspended, only in warning, not owned any more."""
    units = st.integers(0, 5)
    return [
        {
            "skuId": sku,
            "skuPartNumber": f"SKU_{sku[0]}",
            "capabilityStatus": draw(st.sampled_from(["Enabled", "Warning", "Suspended", "Deleted", "LockedOut"])),
            "prepaidUnits": {"enabled": draw(units), "warning": draw(units), "suspended": draw(units)},
            "consumedUnits": draw(units),
        }
        for sku in SKUS[: draw(st.integers(0, 3))]
    ]


def report(sku_rows: list[dict], user_rows: list[dict]) -> dict:
    counts = LicenseUsage(Catalog(skus_of(sku_rows)), with_sign_ins=True)
    for row in user_rows:
        counts.add(reported_user_of(row))
    rows = judged(counts.sku_rows({}), {"SKU_a": 2.5}, 0.8, ["SKU_c"])
    lists = {"twice": counts.twice, "disabled": counts.disabled, "never_signed_in": counts.never, "errors": counts.errors}
    return {"version": 1, "skus": rows, "people": counts.people, "licensed": counts.licensed, "unknown_sign_ins": counts.unknown_sign_ins, **lists}


def held(row: dict) -> set[str]:
    """The SKUs that a user holds, as Graph's two lists say it."""
    known = {state["skuId"] for state in row["licenseAssignmentStates"]}
    by_path = {state["skuId"] for state in row["licenseAssignmentStates"] if state["state"] != "Error"}
    return by_path | {lic["skuId"] for lic in row["assignedLicenses"]} - known


def ways(row: dict, sku: str) -> list[dict]:
    return [state for state in row["licenseAssignmentStates"] if state["skuId"] == sku and state["state"] != "Error"]


@given(skus(), users())
def test_people_and_their_lists(sku_rows, user_rows):
    once = list({row["id"]: row for row in user_rows}.values())
    licensed = {row["userPrincipalName"] for row in once if held(row)}
    found = report(sku_rows, user_rows)
    assert found["people"] == len(once)
    assert found["licensed"] == len(licensed)
    assert {row["user"] for row in found["disabled"]} == {row["userPrincipalName"] for row in once if held(row) and not row["accountEnabled"]}
    never = {row["userPrincipalName"] for row in once if held(row) and "signInActivity" in row and not any((row["signInActivity"] or {}).values())}
    assert {row["user"] for row in found["never_signed_in"]} == never
    assert found["unknown_sign_ins"] == sum(bool(held(row)) and "signInActivity" not in row for row in once)
    for name in ("disabled", "never_signed_in"):
        assert len(found[name]) == len({row["user"] for row in found[name]})


@given(skus(), users())
def test_each_sku_is_counted_as_the_rows_say(sku_rows, user_rows):
    once = list({row["id"]: row for row in user_rows}.values())
    found = report(sku_rows, user_rows)
    rows = {row["sku_id"]: row for row in found["skus"]}
    seen = {state["skuId"] for row in once for state in row["licenseAssignmentStates"]} | {lic["skuId"] for row in once for lic in row["assignedLicenses"]}
    assert set(rows) == {row["skuId"] for row in sku_rows} | seen
    for sku, row in rows.items():
        direct = {one["id"] for one in once if any(state["assignedByGroup"] is None for state in ways(one, sku))}
        inherited = {one["id"] for one in once if any(state["assignedByGroup"] for state in ways(one, sku))}
        in_error = {
            one["id"] for one in once for state in one["licenseAssignmentStates"]
            if state["skuId"] == sku and (state["state"] == "Error" or state["error"] not in (None, "None"))
        }  # fmt: skip
        holders = {one["id"] for one in once if sku in held(one)}
        assert (row["direct"], row["inherited"], row["twice"], row["in_error"]) == (len(direct), len(inherited), len(direct & inherited), len(in_error))
        assert row["unknown"] == len(holders - direct - inherited), "nobody who is licensed is in no column"
        errors = Counter((one["id"], one["sku_id"]) for one in found["errors"])
        assert {user for user, known in errors if known == sku} == in_error, "the list and the figure are of the same people"


@given(skus(), users())
def test_seats_marks_and_cost(sku_rows, user_rows):
    raw = {row["skuId"]: row for row in sku_rows}
    for row in report(sku_rows, user_rows)["skus"]:
        own = raw.get(row["sku_id"])
        units = own["prepaidUnits"] if own else {"enabled": 0, "warning": 0, "suspended": 0}
        used = own["consumedUnits"] if own else 0
        assert row["owned"] == units["enabled"] + units["warning"]
        assert (row["used"], row["free"], row["warning"]) == (used, row["owned"] - used, units["warning"])
        if row["sku"] == "SKU_a":
            assert row["cost"] == 2.5 * units["enabled"]
            assert row["cost_unused"] == 2.5 * max(units["enabled"] - used, 0) <= row["cost"]
        is_living = own is not None and own["capabilityStatus"] in ("Enabled", "Warning")
        holders = row["direct"] + row["inherited"] + row["unknown"]
        if row["sku"] == "SKU_c":
            assert row["mark"] is None
        elif own is None:
            assert row["mark"] == ("gone" if holders else None)
        elif not is_living:
            assert row["mark"] == "ended", "whoever holds it"
        else:
            assert (row["mark"] == "over") == (row["free"] < 0)
            assert (row["mark"] == "full") == (row["free"] == 0 and row["owned"] > 0)


subscriptions = st.lists(
    st.fixed_dictionaries(
        {
            "skuId": st.sampled_from([*SKUS, SKUS[0].upper(), None]),
            "status": st.sampled_from(["Enabled", "Warning", "Suspended", "Deleted", "LockedOut", None]),
            "nextLifecycleDateTime": st.sampled_from([None, "2024-03-01T00:00:00Z", f"{TODAY}T00:00:00Z", "2026-12-24T00:00:00Z", "2027-06-30T00:00:00Z"]),
        }
    ),
    max_size=6,
)


@given(subscriptions)
def test_the_next_date_is_of_a_subscription_that_lives(rows):
    expected: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["nextLifecycleDateTime"] or "", reverse=True):
        day = (row["nextLifecycleDateTime"] or "")[:10]
        if row["skuId"] and day >= TODAY and row["status"] in ("Enabled", "Warning", None):
            expected[row["skuId"].lower()] = day
    assert ends_of(map(company_subscription_of, rows), TODAY) == expected


@given(skus(), users(), skus(), users())
def test_the_drift_sees_whatever_the_reports_say_differently(sku_rows, user_rows, more_skus, more_users):
    before, after = report(sku_rows, user_rows), report(more_skus, more_users)
    assert is_report(before)
    drift = drift_of(after, before)
    compared = ("status", "owned", "used", "warning", "suspended", "in_error", "twice")
    shown = {row["sku"]: row for row in drift["skus"]}
    old, new = ({row["sku_id"]: row for row in one["skus"]} for one in (before, after))
    for sku_id in old.keys() | new.keys():
        differ = [name for name in compared if old.get(sku_id, {}).get(name) != new.get(sku_id, {}).get(name)]
        sku = (new.get(sku_id) or old[sku_id])["sku"]
        if sku_id in old and sku_id in new:
            assert sorted(shown.get(sku, {"sku": sku}).keys() - {"sku"}) == sorted(differ)
        else:
            assert "status" in shown[sku], "one that came or went is never left out"
    for name in ("disabled", "errors"):
        gone, come = drift[name]["gone"], drift[name]["new"]
        assert not set(gone) & set(come)
        assert bool(gone or come) == (keys(before, name) != keys(after, name))
    assert drift_of(before, before) == {"since": None, "skus": [], "disabled": {"new": [], "gone": []}, "errors": {"new": [], "gone": []}}


def keys(found: dict, name: str) -> set:
    return {(row.get("user"), row.get("user_principal_name"), row.get("sku"), row.get("error")) for row in found[name]}
