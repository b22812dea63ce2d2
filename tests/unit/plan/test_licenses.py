# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""License arithmetic for users: a table of situations, and properties that hold for all of them."""

from __future__ import annotations

import csv
import uuid
from dataclasses import replace

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licenses import desired_licenses
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import License, Principal, Seats, ServicePlan, Sku
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.changes import AssignLicenses, SetUsageLocation
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.conflicts import service_plans_conflicts
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.licenses import LicensePlanner, plan_licenses
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.rows import desired_user
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.product_names import ProductNames
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.service_plan_conflicts import broken_rules
from hypothesis import given, settings
from hypothesis import strategies as st
from support.csdl import schema_path


def guid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def sku(name: str, plans: str, free: int = 5, **more) -> Sku:
    """A SKU; service plans in capitals are for people, the others for the organization."""
    made = tuple(ServicePlan(guid(f"plan {plan}"), plan, plan.isupper()) for plan in plans.split())
    return Sku(guid(name), name, made, Seats(enabled=10, consumed=10 - free), **more)


E3, E5 = sku("E3", "MAIL TEAMS SWAY FORMS3 tenant"), sku("E5", "MAIL TEAMS SWAY FORMS5 VOICE tenant")
FULL, ORG, OLD = sku("FULL", "BI", free=0), sku("ORG", "STORE", applies_to="Company"), sku("OLD", "X", status="Suspended")
CATALOG = Catalog([E3, E5, FULL, ORG, OLD])
GROUP = guid("a group")
GONE = guid("a SKU that the tenant does not own")


def off(*names: str) -> frozenset[str]:
    return frozenset(guid(f"plan {name}") for name in names)


def user(*licenses: License, location: str | None = "DE") -> Principal:
    return Principal("user", guid("ann"), "ann@contoso.example", location, licenses)


def direct(held: Sku, *names: str) -> License:
    return License(held.id, off(*names))


def inherited(held: Sku, *names: str, state: str = "Active") -> License:
    return License(held.id, off(*names), group_id=GROUP, state=state, error="CountViolation" if state == "Error" else None)


def plan(principal: Principal, **params):
    licenses = {key: params.pop(key) for key in ("add", "remove", "set") if key in params}
    return plan_licenses(principal, CATALOG, desired_licenses({"licenses": licenses, **params}))


def direct_after(changes) -> dict[str, frozenset[str]]:
    return {lic.sku_id: lic.disabled_plans for lic in changes.after.licenses if lic.is_direct}


# title: (held, options, what is held directly afterwards)
SITUATIONS = {
    "add to nobody": ([], {"add": [{"sku": "E3"}]}, {E3.id: off()}),
    "add by id in capitals": ([], {"add": [{"sku": E3.id.upper()}]}, {E3.id: off()}),
    "add with service plans off": (
        [],
        {"add": [{"sku": "e3", "disabled_plans": ["sway", guid("plan MAIL").upper()]}]},
        {E3.id: off("SWAY", "MAIL")},
    ),
    "omitted service plans keep": ([direct(E3, "SWAY")], {"add": [{"sku": "E3"}]}, {E3.id: off("SWAY")}),
    "an empty list turns all on": ([direct(E3, "SWAY")], {"add": [{"sku": "E3", "disabled_plans": []}]}, {E3.id: off()}),
    "the same list in another order": (
        [direct(E3, "SWAY", "MAIL")],
        {"add": [{"sku": "E3", "disabled_plans": ["mail", "SWAY"]}]},
        {E3.id: off("SWAY", "MAIL")},
    ),
    "an allow-list": ([direct(E3)], {"add": [{"sku": "E3", "enabled_plans": ["MAIL"]}]}, {E3.id: off("TEAMS", "SWAY", "FORMS3")}),
    "an allow-list leaves the organization's alone": (
        [direct(E3, "tenant", "MAIL")],
        {"add": [{"sku": "E3", "enabled_plans": ["MAIL", "TEAMS", "SWAY", "FORMS3"]}]},
        {E3.id: off("tenant")},
    ),
    "merge turns off and on": (
        [direct(E3, "SWAY")],
        {"add": [{"sku": "E3", "disabled_plans": ["MAIL"], "enabled_plans": ["SWAY"], "plans_mode": "merge"}]},
        {E3.id: off("MAIL")},
    ),
    "the first of the alternatives with a free seat": (
        [],
        {"add": [{"sku": "FULL", "alternatives": [{"sku": "E3", "disabled_plans": ["SWAY"]}, {"sku": "E5"}]}]},
        {E3.id: off("SWAY")},
    ),
    "the alternative that is held stays": (
        [direct(E5, "VOICE")],
        {"add": [{"sku": "E3", "alternatives": [{"sku": "E5"}]}]},
        {E5.id: off("VOICE")},
    ),
    "moving up as soon as there is a seat": (
        [direct(E3, "SWAY")],
        {"add": [{"sku": "E5", "alternatives": [{"sku": "E3"}], "prefer": "first"}], "carry_plans": True},
        {E5.id: off("SWAY")},
    ),
    "moving up in the whole list removes once": (
        [direct(E3)],
        {"set": [{"sku": "E5", "alternatives": [{"sku": "E3"}], "prefer": "first"}]},
        {E5.id: off()},
    ),
    "an alternative to what cannot be assigned at all": ([], {"add": [{"sku": "ORG", "alternatives": [{"sku": "E3"}]}]}, {E3.id: off()}),
    "a protected alternative is not moved up from": (
        [direct(E3)],
        {"add": [{"sku": "E5", "alternatives": [{"sku": "E3"}], "prefer": "first"}], "protect": ["E3"]},
        {E3.id: off()},
    ),
    "no second license beside one of unknown origin": ([License(E3.id, is_known=False)], {"add": [{"sku": "E3", "disabled_plans": ["SWAY"]}]}, {}),
    "no seat to move up to": (
        [direct(E3, "SWAY")],
        {"add": [{"sku": "FULL", "alternatives": [{"sku": "E3"}], "prefer": "first"}]},
        {E3.id: off("SWAY")},
    ),
    "an alternative that leaves does not stay": (
        [direct(E3)],
        {"add": [{"sku": "E5", "alternatives": [{"sku": "E3"}]}], "remove": ["E3"]},
        {E5.id: off()},
    ),
    "what only a group gives may stay": ([inherited(E3)], {"remove": ["E3"]}, {}),
    "the direct one goes beside that of a group": ([direct(E5), inherited(E5)], {"remove": ["E5"]}, {}),
    "swap": ([direct(E3, "SWAY")], {"add": [{"sku": "E5"}], "remove": ["E3"]}, {E5.id: off()}),
    "swap that carries": (
        [direct(E3, "SWAY", "FORMS3")],
        {"add": [{"sku": "E5"}], "remove": ["E3"], "carry_plans": True},
        {E5.id: off("SWAY")},
    ),
    "carry and merge": (
        [direct(E3, "SWAY")],
        {"add": [{"sku": "E5", "disabled_plans": ["VOICE"], "plans_mode": "merge"}], "remove": ["E3"], "carry_plans": True},
        {E5.id: off("SWAY", "VOICE")},
    ),
    "a whole list does not carry": (
        [direct(E3, "SWAY")],
        {"add": [{"sku": "E5", "disabled_plans": ["VOICE"]}], "remove": ["E3"], "carry_plans": True},
        {E5.id: off("VOICE")},
    ),
    "a SKU held already does not carry": (
        [direct(E3, "SWAY"), direct(E5)],
        {"add": [{"sku": "E5"}], "remove": ["E3"], "carry_plans": True},
        {E5.id: off()},
    ),
    "remove direct": ([direct(E3), direct(E5)], {"remove": ["E3"]}, {E5.id: off()}),
    "remove what is not held": ([direct(E5)], {"remove": ["E3"]}, {E5.id: off()}),
    "remove the direct one of both": ([direct(E3), inherited(E3)], {"remove": ["E3"]}, {}),
    "remove a SKU that is owned no more": ([License(GONE)], {"remove": [GONE]}, {}),
    "keep a SKU that is owned no more": ([License(GONE, off("SWAY"))], {"add": [{"sku": GONE}]}, {GONE: off("SWAY")}),
    "remove what is inherited in error": ([inherited(E3, state="Error")], {"remove": ["E3"]}, {}),
    "set": ([direct(E3), direct(FULL)], {"set": [{"sku": "E5"}]}, {E5.id: off()}),
    "set keeps the protected": ([direct(E3), direct(FULL)], {"set": [{"sku": "E5"}], "protect": ["FULL"]}, {E5.id: off(), FULL.id: off()}),
    "set leaves inherited ones": ([inherited(E3), direct(E5)], {"set": [{"sku": "E5"}]}, {E5.id: off()}),
    "set leaves what is of unknown origin": ([License(E3.id, is_known=False), direct(E5)], {"set": [{"sku": "E5"}]}, {E5.id: off()}),
    "set to nothing": ([direct(E3)], {"set": [], "allow_empty": True}, {}),
    "inherited, assign keeps what the group turned off": ([inherited(E3, "SWAY")], {"add": [{"sku": "E3"}]}, {E3.id: off("SWAY")}),
    "inherited, accept": ([inherited(E3)], {"add": [{"sku": "E3"}], "inherited": "accept"}, {}),
    "inherited in error is not accepted": ([inherited(E3, state="Error")], {"add": [{"sku": "E3"}], "inherited": "accept"}, {E3.id: off()}),
    "a full SKU held through a group takes no seat": ([inherited(FULL)], {"add": [{"sku": "FULL"}]}, {FULL.id: off()}),
    "a full SKU held directly can change": ([direct(FULL)], {"add": [{"sku": "FULL", "disabled_plans": ["BI"]}]}, {FULL.id: off("BI")}),
}


@pytest.mark.parametrize("title", SITUATIONS)
def test_situation(title):
    held, options, expected = SITUATIONS[title]
    changes = plan(user(*held), **options)
    assert not changes.errors
    assert direct_after(changes) == expected
    assert changes.is_noop == (expected == direct_after(plan(user(*held))))
    assert len(changes.operations) <= 1, "everything travels in one call"
    assert all(len(set(call.remove)) == len(call.remove) for call in changes.operations)


# title: (user, options, code of the refusal)
REJECTIONS = {
    "no seats": (user(), {"add": [{"sku": "FULL"}]}, "no_seats"),
    "no seats for who holds it in error only": (user(inherited(FULL, state="Error")), {"add": [{"sku": "FULL"}]}, "no_seats"),
    "organization's SKU": (user(), {"add": [{"sku": "ORG"}]}, "sku_not_assignable"),
    "suspended SKU": (user(), {"add": [{"sku": "OLD"}]}, "sku_not_assignable"),
    "no usage location": (user(location=None), {"add": [{"sku": "E3"}]}, "usage_location_missing"),
    "inherited only": (user(inherited(E3)), {"remove": ["E3"], "remove_inherited": "fail"}, "inherited_only"),
    "unknown origin": (user(License(E3.id, is_known=False)), {"remove": ["E3"], "remove_inherited": "fail"}, "origin_unknown"),
    "inherited, fail": (user(inherited(E3)), {"add": [{"sku": "E3"}], "inherited": "fail"}, "already_inherited"),
    "protected": (user(direct(E3)), {"remove": ["E3"], "protect": ["E3"]}, "protected"),
    "too many removals": (user(direct(E3), direct(E5)), {"set": [], "allow_empty": True, "max_removals": 1}, "too_many_removals"),
}


@pytest.mark.parametrize("title", REJECTIONS)
def test_rejection(title):
    who, options, code = REJECTIONS[title]
    changes = plan(who, **options)
    assert [finding.code for finding in changes.errors] == [code]
    assert changes.errors[0].message


# title: (user, options, codes of the warnings)
WARNINGS = {
    "an alternative": (user(), {"add": [{"sku": "FULL", "alternatives": [{"sku": "E3"}]}]}, ["alternative_taken"]),
    "the direct one of two goes": (user(direct(E3), inherited(E3)), {"remove": ["E3"]}, ["still_inherited"]),
    "the working one of two goes": (user(direct(E3), inherited(E3, state="Error")), {"remove": ["E3"]}, ["only_working_copy"]),
    "the group turns on what is to be off": (user(inherited(E3)), {"add": [{"sku": "E3", "disabled_plans": ["SWAY"]}]}, ["plans_stay_on"]),
    "an allow-list meets what may be new": (
        user(direct(E3, "SWAY")),
        {"add": [{"sku": "E3", "enabled_plans": ["MAIL", "TEAMS"]}]},
        ["plans_not_listed"],
    ),
    "what protect keeps in an exact list": (user(direct(FULL)), {"set": [{"sku": "E5"}], "protect": ["FULL"]}, ["protected"]),
}


@pytest.mark.parametrize("title", WARNINGS)
def test_warning(title):
    who, options, codes = WARNINGS[title]
    changes = plan(who, **options)
    assert not changes.errors
    assert [finding.code for finding in changes.findings] == codes


FORMER = {"sku": "Project Professional", "part": "PROJECTPROFESSIONAL", "sku_id": GONE, "plan": "", "service_plan_id": "", "plan_code": ""}
FORMER_NAMES = ["PROJECTPROFESSIONAL", "projectprofessional", "Project Professional", GONE.upper()]


@pytest.mark.parametrize("name", FORMER_NAMES)
def test_a_product_that_the_tenant_gave_up_has_its_names_still(name):
    """Graph shows its id alone; part number and product name are in Microsoft's file."""
    catalog = Catalog([E3, E5], ProductNames([FORMER]))

    def planned(who, **options):
        return plan_licenses(who, catalog, desired_licenses({"licenses": options.pop("licenses"), **options}))

    assert planned(user(License(GONE)), licenses={"remove": [name]}).operations[0].remove == (GONE,)
    spared = planned(user(direct(E3)), licenses={"remove": [name]})
    assert spared.is_noop
    assert [(finding.code, finding.is_error) for finding in spared.findings] == [("sku_not_owned", False)]
    assert not planned(user(direct(E3)), licenses={"add": [{"sku": "E5"}]}, protect=[name]).errors, "a guard for others of the list"
    assert direct_after(planned(user(License(GONE), direct(E3)), licenses={"set": [{"sku": "E5"}]}, protect=[name])) == {GONE: off(), E5.id: off()}


def test_seats_of_a_subscription_in_grace_are_spoken_of():
    grace = replace(sku("GRACE", "X"), seats=Seats(enabled=2, warning=3, consumed=2))
    codes = {}
    for consumed in (1, 2, 4, 5):
        catalog = Catalog([replace(grace, seats=replace(grace.seats, consumed=consumed))])
        codes[consumed] = [finding.code for finding in plan_licenses(user(), catalog, desired_licenses({"licenses": {"add": [{"sku": "GRACE"}]}})).findings]
    assert codes == {1: [], 2: ["seats_in_grace"], 4: ["seats_in_grace"], 5: ["no_seats"]}


def test_each_user_of_a_list_who_takes_a_seat_in_grace_is_spoken_of():
    """Users who hold the same are decided once, and seats go on being taken meanwhile."""
    grace = replace(sku("GRACE", "X"), seats=Seats(enabled=2, warning=2, consumed=1))
    catalog, found = Catalog([grace]), []
    planner, desired = LicensePlanner(catalog), desired_licenses({"licenses": {"add": [{"sku": "GRACE"}]}})
    for name in ("ann", "bob", "cid", "dan"):
        changes = planner.plan(replace(user(), id=guid(name), name=name), desired)
        found.append([finding.code for finding in changes.findings])
        catalog.take(grace.id, 1)
    assert found == [[], ["seats_in_grace"], ["seats_in_grace"], ["no_seats"]]


def test_no_seats_is_a_warning_when_graph_decides():
    changes = plan(user(), add=[{"sku": "FULL"}], seat_check="try")
    assert not changes.errors
    assert [finding.code for finding in changes.findings] == ["no_seats"]


def test_an_unknown_id_is_no_change_when_removed_and_an_error_when_added():
    changes = plan(user(direct(E3)), remove=[GONE])
    assert changes.is_noop
    assert [(finding.code, finding.is_error) for finding in changes.findings] == [("sku_not_owned", False)]
    assert [finding.code for finding in plan(user(), add=[{"sku": GONE, "disabled_plans": ["X"]}]).errors] == ["sku_not_owned"]


def test_a_license_of_unknown_origin_is_spoken_of():
    dark = License(E3.id, is_known=False)
    assert [finding.code for finding in plan(user(dark), set=[], allow_empty=True).findings] == ["origin_unknown"]
    assert [finding.code for finding in plan(user(dark), add=[{"sku": "E3", "disabled_plans": ["SWAY"]}]).findings] == ["origin_unknown"]


def test_the_export_of_a_license_of_unknown_origin_removes_nothing():
    assert desired_user(user(direct(E5), License(E3.id, is_known=False)), CATALOG)["licenses"] == {"add": [{"sku": "E5", "disabled_plans": []}]}


def test_rules_that_are_not_certain_are_a_warning():
    """Microsoft's list has kiosk and plan 1 of Exchange as exclusive, and has allowed both since."""
    kiosk, plan1 = "4a82b400-a79f-41a4-b4e2-e94f5787b113", "9aaf7827-d63c-4b61-89c3-182f06f82e5c"
    (rule,) = broken_rules([kiosk], [kiosk, plan1])
    assert not rule.is_certain
    (found,) = service_plans_conflicts(user(), [rule], True, "enforce", (), Catalog())
    assert not found.is_error
    assert broken_rules([kiosk, plan1], [kiosk, plan1]) == [], "what is broken already does not hold here"


@pytest.mark.skipif(schema_path() is None, reason="no shared folder beside this checkout, so Microsoft's file cannot be read")
def test_no_product_breaks_a_rule_alone_but_for_what_is_sold_to_others():
    skus: dict[str, set[str]] = {}
    with (schema_path().parent / "product-names.csv").open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            skus.setdefault(row["String_Id"].strip(), set()).add(row["Service_Plan_Id"].strip().lower())
    broken = {name for name, service_plan_ids in skus.items() if broken_rules((), service_plan_ids)}
    assert all(name.startswith(("MCO", "BUSINESS_VOICE")) for name in broken), "calling and audio conferencing come on top of something"


def test_a_missing_usage_location_does_not_hinder_removal():
    assert not plan(user(direct(E3), location=None), remove=["E3"]).errors


def test_the_usage_location_comes_first_and_only_when_it_differs():
    changes = plan(user(location=None), add=[{"sku": "E3"}], usage_location="de")
    assert [type(operation) for operation in changes.operations] == [SetUsageLocation, AssignLicenses]
    assert changes.after.usage_location == "DE"
    assert plan(user(location="DE"), usage_location="de").is_noop


# title: (options, what the message must say)
MISTAKES = {
    "all unknown names at once": (
        {"add": [{"sku": "E4"}, {"sku": "E3", "disabled_plans": ["SWAYY", "FOO"]}], "remove": ["nonsense"], "protect": ["FUL"]},
        ["add[0].sku: no SKU 'E4'", "E3", "disabled_plans[0]", "nearest: SWAY", "'FOO'", "remove[0]", "protect[0]", "FULL"],
    ),
    "service plan of another SKU": ({"add": [{"sku": "E3", "disabled_plans": ["VOICE"]}]}, ["no service plan 'VOICE' of E3"]),
    "organization's service plan": ({"add": [{"sku": "E3", "disabled_plans": ["tenant"]}]}, ["tenant of E3 applies to the organization"]),
    "the same SKU twice": ({"add": [{"sku": "E3"}, {"sku": E3.id}]}, ["SKU E3 is named more than once"]),
    "added and removed": ({"add": [{"sku": "E3"}], "remove": ["e3"]}, ["SKU E3 is named more than once"]),
    "on and off": (
        {"add": [{"sku": "E3", "disabled_plans": ["SWAY"], "enabled_plans": ["sway"], "plans_mode": "merge"}]},
        ["both name SWAY"],
    ),
    "both whole lists": ({"add": [{"sku": "E3", "disabled_plans": [], "enabled_plans": []}]}, ["exclude each other", "plans_mode: merge"]),
    "empty set": ({"set": []}, ["allow_empty: true"]),
    "usage location": ({"usage_location": "Germany"}, ["usage_location: 'Germany'", "two letters"]),
    "negative limit": ({"max_removals": -1}, ["max_removals is -1"]),
    "empty name": ({"remove": [""]}, ["remove[0]", "empty"]),
}


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(title):
    options, said = MISTAKES[title]
    with pytest.raises(OptionError) as caught:
        plan(user(), **options)
    for part in said:
        assert part in caught.value.message


def test_an_ambiguous_part_number_lists_the_ids():
    catalog = Catalog([E3, sku("other", "A"), Sku(guid("duplicate"), "E3")])
    with pytest.raises(OptionError) as caught:
        plan_licenses(user(), catalog, desired_licenses({"licenses": {"add": [{"sku": "E3"}]}}))
    assert E3.id in caught.value.message
    assert guid("duplicate") in caught.value.message


SKUS = [E3, E5, FULL, ORG]
plans_of = {each.id: [part.name for part in each.service_plans if part.is_switchable] for each in SKUS}


@st.composite
def licenses(draw):
    rows = []
    for each in SKUS:
        names = st.lists(st.sampled_from(plans_of[each.id]), unique=True)
        if draw(st.booleans()):
            rows.append(License(each.id, off(*draw(names))))
        if draw(st.integers(0, 3)) == 0:
            rows.append(License(each.id, off(*draw(names)), group_id=GROUP, state=draw(st.sampled_from(["Active", "Error"]))))
    return user(*rows, location=draw(st.sampled_from([None, "DE"])))


@st.composite
def added_licenses(draw, skus):
    made = []
    for each in skus:
        entry = {"sku": each.part_number}
        names = draw(st.lists(st.sampled_from(plans_of[each.id]), unique=True))
        kind = draw(st.sampled_from(["keep", "disabled_plans", "enabled_plans", "merge"]))
        if kind == "merge":
            entry.update(plans_mode="merge", disabled_plans=names[::2], enabled_plans=names[1::2])
        elif kind != "keep":
            entry[kind] = names
        made.append(entry)
    return made


@st.composite
def entries(draw):
    mixed = draw(st.permutations(SKUS))
    added = draw(added_licenses(mixed[: draw(st.integers(0, 3))]))
    options = {
        "carry_plans": draw(st.booleans()),
        "inherited": draw(st.sampled_from(["assign", "accept", "fail"])),
        "seat_check": draw(st.sampled_from(["enforce", "try"])),
        "usage_location": draw(st.sampled_from([None, "DE", "US"])),
        "allow_empty": True,
    }
    if draw(st.booleans()):
        return {"set": added, "protect": draw(st.lists(st.sampled_from([each.part_number for each in SKUS]), unique=True)), **options}
    taken = {entry["sku"] for entry in added}
    return {"add": added, "remove": [each.part_number for each in mixed if each.part_number not in taken][: draw(st.integers(0, 2))], **options}


@settings(max_examples=300, deadline=None)
@given(licenses(), entries())
def test_planning_again_from_what_will_be_changes_nothing(who, entry):
    after = plan(who, **dict(entry)).after
    again = plan(after, **dict(entry))
    assert again.is_noop
    assert again.after == after


@settings(max_examples=300, deadline=None)
@given(licenses(), entries())
def test_what_is_not_named_stays(who, entry):
    changes = plan(who, **dict(entry))
    assert [lic for lic in changes.after.licenses if not lic.is_direct] == [lic for lic in who.licenses if not lic.is_direct]
    if "add" in entry:
        named = {entry["sku"] for entry in entry["add"]} | set(entry["remove"])
        for each in SKUS:
            if each.part_number not in named:
                assert changes.after.direct(each.id) == who.direct(each.id)


@settings(max_examples=300, deadline=None)
@given(licenses(), entries())
def test_the_operations_lead_from_before_to_after(who, entry):
    changes = plan(who, **dict(entry))
    held = {lic.sku_id: lic.disabled_plans for lic in who.licenses if lic.is_direct}
    location = who.usage_location
    for operation in changes.operations:
        if isinstance(operation, SetUsageLocation):
            location = operation.usage_location
        else:
            for sku_id in operation.remove:
                del held[sku_id]
            held.update({lic.sku_id: lic.disabled_plans for lic in operation.add})
    assert held == direct_after(changes)
    assert location == changes.after.usage_location
