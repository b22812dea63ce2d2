# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A seed that breaks its own rules is refused, with every fault named by its place; one that keeps them makes a tenant."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest
from sandbox_tenant.seed import CONTOSO, SeedError, check_seed, load_seed, schema
from sandbox_tenant.tenant import Tenant, status_of
from support.tenant import ROOT

SEED = json.loads(CONTOSO.read_text())

# title: (path in the seed, new value, what is said)
FAULTS = {
    "unknown SKU": (("users", 1, "licenses", 0, "sku"), "SPE_E4", "seed.users[1].licenses[0].sku: no SKU 'SPE_E4'"),
    "unknown service plan": (
        ("users", 1, "licenses", 0, "disabled_plans"),
        ["NONE"],
        "seed.users[1].licenses[0].disabled_plans: no service plan 'NONE' of SPE_E3",
    ),
    "more assigned than owned": (("skus", 0, "enabled"), 1, "seed.skus[0]: 2 of SPE_E5 are assigned, but 1 are owned"),
    "more pooled than owned": (("allotments", 0, "units"), 9, "seed.skus[0]: allotments hold 9 of SPE_E5, but 4 are owned"),
    "two users of a name": (("users", 1, "name"), "ALICE", "seed.users: name 'alice' occurs 2 times"),
    "a license twice": (("users", 1, "licenses"), [{"sku": "SPE_E3"}, {"sku": "SPE_E3"}], "seed.users[1].licenses: SPE_E3 occurs more than once"),
    "no seats of the kind": (("users", 1, "licenses", 0), {"sku": "INTUNE_A_D"}, "seed.users[1].licenses[0].sku: INTUNE_A_D has no seats for a user"),
    "no seats for people": (("users", 1, "licenses", 0), {"sku": "WINDOWS_STORE"}, "WINDOWS_STORE has no seats for a user"),
    "a name with a blank": (("users", 1, "name"), "bob b", "seed.users[1].name is 'bob b'"),
    "one application": (("apps",), SEED["apps"][:1], "seed.apps needs two applications"),
    "unknown member": (("groups", 0, "members"), ["zoe"], "seed.groups[0].members: no user 'zoe'"),
    "unknown key": (("users", 0, "nickname"), "x", "seed.users[0].nickname is unknown"),
    "another type": (("users", 0, "licenses"), "SPE_E5", "seed.users[0].licenses is not of type array"),
    "a form": (("users", 0, "usage_location"), "Germany", "seed.users[0].usage_location is 'Germany'"),
    "no id": (("skus", 0, "sku_id"), "E5", "seed.skus[0].sku_id is 'E5'"),
    "below zero": (("allotments", 0, "units"), -1, "seed.allotments[0].units is not of type integer"),
    "an allotment of nothing": (("allotments", 0, "sku"), "NONE", "seed.allotments[0].sku: no SKU 'NONE'"),
}


def broken(*changes) -> dict:
    seed = copy.deepcopy(SEED)
    for path, value in changes:
        target = seed
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value
    return seed


@pytest.mark.parametrize("title", FAULTS)
def test_fault(tmp_path, title):
    path, value, said = FAULTS[title]
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(broken((path, value))))
    with pytest.raises(SeedError) as caught:
        load_seed(str(file))
    assert said in str(caught.value)


def test_every_fault_is_named_at_once(tmp_path):
    chosen = ["unknown SKU", "two users of a name", "unknown member", "more pooled than owned"]
    (tmp_path / "seed.json").write_text(json.dumps(broken(*(FAULTS[title][:2] for title in chosen))))
    with pytest.raises(SeedError) as caught:
        load_seed(str(tmp_path / "seed.json"))
    assert all(FAULTS[title][2] in str(caught.value) for title in chosen)


def test_the_schema_says_the_same():
    jsonschema.validate(SEED, schema())
    for title in ("unknown key", "another type", "a form", "no id"):
        path, value, dummy = FAULTS[title]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken((path, value)), schema())
    assert json.loads((ROOT / "docs/seed.schema.json").read_text()) == schema(), "python -m sandbox_tenant schema > docs/seed.schema.json"


def test_yaml_will_do(tmp_path):
    yaml = pytest.importorskip("yaml")
    (tmp_path / "seed.yml").write_text(yaml.safe_dump(SEED))
    assert load_seed(str(tmp_path / "seed.yml")) == SEED


def test_names_with_any_letter_in_any_case():
    seed = broken((("users", 1, "name"), "Susan.Sands"), (("groups", 0, "members"), ["SUSAN.sands"]), (("tenant", "domain"), "Contoso.Example"))
    check_seed(seed, "the seed")
    assert Tenant(seed).user("susan.sands@contoso.example")


@pytest.mark.parametrize(
    ("sku", "status"),
    [
        ({"enabled": 5}, "Enabled"),
        ({"enabled": 0}, "Enabled"),
        ({"enabled": 5, "suspended": 2}, "Enabled"),
        ({"enabled": 0, "warning": 1, "suspended": 2}, "Enabled"),
        ({"enabled": 0, "suspended": 2}, "Suspended"),
        ({"enabled": 0, "suspended": 2, "status": "LockedOut"}, "LockedOut"),
        ({"enabled": 5, "status": "Warning"}, "Warning"),
    ],
)
def test_the_status_of_a_sku_follows_from_its_seats_unless_the_seed_gives_it(sku, status):
    assert status_of(sku) == status


def test_generated_users():
    tenant = Tenant(load_seed(None, 1000))
    assert len(tenant.users) == 1012
    assert tenant.consumed("05e9a617-0261-4cee-bb44-138d3ef5d965") == 505
    assert all(pool.free >= 0 for pool in tenant.pools.values())


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(SeedError, match="nowhere"):
        load_seed("/nowhere.json")
