# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets an error that names the option, the value and the remedy, before anything is written."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._graph.certificates import VARIABLES
from ansible_collections.m365.licensing.plugins.module_utils._module.texts import list_of_text

USER, CLOUD, GROUP, INFO = "user_assign_license", "cloud_license_assignment", "group_assign_license", "user_license_info"
ERIN = {"user": "erin@contoso.example"}

# title: (module, options, what the message says, whether Graph may be asked)
MISTAKES = {
    "nobody": (USER, {"usage_location": "DE"}, ["exactly one of user and me", "none is"], False),
    "user and me": (USER, {**ERIN, "me": True, "usage_location": "DE"}, ["exactly one of user and me", "user and me are"], False),
    "user and group": (CLOUD, {**ERIN, "group": "Support desk", "sku": "SPE_E5"}, ["exactly one of", "user and group are"], False),
    "malformed user": (USER, {"user": "erin", "usage_location": "DE"}, ["user is 'erin'", "user principal name"], False),
    "user with a path": (USER, {"user": "a/b@c.example", "usage_location": "DE"}, ["user is 'a/b@c.example'"], False),
    "unknown user": (USER, {"user": "nobody@contoso.example", "usage_location": "DE"}, ["user: this tenant has no user 'nobody@contoso.example'"], True),
    "set with add": (USER, {**ERIN, "licenses": {"set": [], "add": []}}, ["mutually exclusive", "set|add"], False),
    "set with remove": (USER, {**ERIN, "licenses": {"set": [], "remove": []}}, ["mutually exclusive", "set|remove"], False),
    "empty set": (USER, {**ERIN, "licenses": {"set": []}}, ["licenses.set is empty", "allow_empty: true"], False),
    "nothing desired": (USER, ERIN, ["licenses, usage_location"], False),
    "license without SKU": (USER, {**ERIN, "licenses": {"add": [{"disabled_plans": []}]}}, ["sku"], False),
    "blank SKU": (USER, {**ERIN, "licenses": {"add": [{"sku": ""}]}}, ["sku"], False),
    "location": (USER, {**ERIN, "usage_location": "Sweden"}, ["usage_location: 'Sweden' is not a country code", "two letters"], False),
    "both lists": (USER, {**ERIN, "licenses": {"add": [{"sku": "SPE_E5", "disabled_plans": [], "enabled_plans": []}]}}, ["licenses.add[0].", "merge"], False),
    "all names in one message": (
        USER,
        {**ERIN, "licenses": {"add": [{"sku": "SPE_E7"}, {"sku": "SPE_E5", "disabled_plans": ["YAMER"]}], "remove": ["PBI"]}, "protect": ["E1"]},
        ["licenses.add[0].sku: no SKU 'SPE_E7'", "SPE_E5", "'YAMER'", "YAMMER_ENTERPRISE", "licenses.remove[0]: no SKU 'PBI'", "protect[0]"],
        True,
    ),
    "service plan of another SKU": (
        USER,
        {**ERIN, "licenses": {"add": [{"sku": "SPE_E5", "disabled_plans": ["FORMS_PLAN_E3"]}]}},
        ["'FORMS_PLAN_E3' of SPE_E5"],
        True,
    ),
    "organization's service plan": (
        USER,
        {**ERIN, "licenses": {"add": [{"sku": "SPE_E5", "disabled_plans": ["M365_LIGHTHOUSE_CUSTOMER_PLAN1"]}]}},
        ["applies to the organization"],
        True,
    ),
    "no SKU and no allotment": (CLOUD, ERIN, ["sku, allotment"], False),
    "SKU and allotment": (CLOUD, {**ERIN, "sku": "SPE_E5", "allotment": "x"}, ["mutually exclusive", "sku|allotment"], False),
    "unknown allotment": (CLOUD, {**ERIN, "allotment": "nowhere"}, ["no allotment 'nowhere'", "(SPE_E5)"], True),
    "unknown SKU": (CLOUD, {**ERIN, "sku": "SPE_E7"}, ["sku: no SKU 'SPE_E7'", "SPE_E5"], True),
    "unknown service plan": (CLOUD, {**ERIN, "sku": "SPE_E5", "disabled_plans": ["SWAI"]}, ["disabled_plans[0]", "'SWAI'", "SWAY"], True),
    "two groups of a name": (CLOUD, {"group": "Project team", "sku": "SPE_E5"}, ["2 groups have the display name 'Project team'", "give one of the ids"], True),
    "no group of a name": (CLOUD, {"group": "Nobody's", "sku": "SPE_E5"}, ['no group has the display name "Nobody\'s"'], True),
    "location of a device": (CLOUD, {"device": "KIOSK-01", "sku": "INTUNE_A_D", "usage_location": "DE"}, ["usage_location is for users"], False),
    "several allotments": (CLOUD, {**ERIN, "sku": "POWER_BI_PRO"}, ["2 allotments of POWER_BI_PRO", "allotment_choice: most_available"], True),
    "plain http": (USER, {**ERIN, "usage_location": "DE", "graph_url": "http://graph.example"}, ["graph_url is 'http://graph.example'", "https"], False),
    "no address": (USER, {**ERIN, "usage_location": "DE", "graph_url": "https://"}, ["graph_url is"], False),
    "no CA file": (USER, {**ERIN, "usage_location": "DE", "ca_path": "/nowhere/ca.pem"}, ["ca_path", "/nowhere/ca.pem"], False),
    "negative limit": (USER, {**ERIN, "licenses": {"add": []}, "max_removals": -1}, ["max_removals is -1", "zero or more"], False),
    "group without entries": (GROUP, {"group": "Support desk"}, ["wait is False", "licenses"], False),
    "no group": (GROUP, {"licenses": {"add": []}}, ["group"], False),
    "blank group": (GROUP, {"group": "  ", "licenses": {"add": []}}, ["group: an empty name"], False),
    "unknown group": (GROUP, {"group": "Nobody", "licenses": {"add": []}}, ["no group has the display name 'Nobody'"], True),
    "names of a group": (
        GROUP,
        {"group": "Support desk", "licenses": {"add": [{"sku": "SPE_E7"}], "remove": ["PBI"]}, "protect": ["E1"]},
        ["licenses.add[0].sku: no SKU 'SPE_E7'", "licenses.remove[0]: no SKU 'PBI'", "protect[0]"],
        True,
    ),
    "empty set of a group": (GROUP, {"group": "Support desk", "licenses": {"set": []}}, ["allow_empty: true"], False),
    "wait without end": (GROUP, {"group": "Support desk", "wait": True, "wait_timeout": -1}, ["wait_timeout is -1"], False),
    "nobody to reprocess": ("license_reprocess", {}, ["exactly one of user, group, device and me"], False),
    "two to reprocess": ("license_reprocess", {**ERIN, "group": "Support desk"}, ["user and group are"], False),
    "an unknown API": ("license_reprocess", {**ERIN, "api": "classic"}, ["api", "assignLicense, cloudLicensing"], False),
    "a malformed user in a list": (INFO, {"users": ["erin@contoso.example", "erin"]}, ["users[1] is 'erin'"], True),
    "a blank user in a list": (INFO, {"users": [""]}, ["users[0] is ''"], True),
    "an unknown group to look at": (INFO, {"group": "Nobody"}, ["no group has the display name 'Nobody'"], True),
    "an unknown SKU to look at": (INFO, {"sku": "SPE_E7"}, ["sku: no SKU 'SPE_E7'"], True),
    "something else to gather": ("cloud_license_info", {"gather": ["seats"]}, ["gather", "allotments"], False),
    "no file of names": (USER, {**ERIN, "usage_location": "DE", "sku_names": "/nowhere.csv"}, ["sku_names: cannot read /nowhere.csv"], False),
    "text for the licenses": (
        USER,
        {**ERIN, "licenses": "SPE_E3"},
        ["licenses: it is the text SPE_E3, not a dictionary: give its keys: add, remove, set"],
        False,
    ),
    "a boolean for the licenses": (USER, {**ERIN, "licenses": True}, ["licenses: it is a boolean, not a dictionary"], False),
    "a list for the licenses": (USER, {**ERIN, "licenses": ["SPE_E3"]}, ["licenses: it is a list, not a dictionary"], False),
    "text for a list of licenses": (
        USER,
        {**ERIN, "licenses": {"add": "SPE_E3"}},
        ["licenses.add[0]: it is the text SPE_E3", "as - sku: SPE_E3"],
        False,
    ),
    "names in one text": (USER, {**ERIN, "licenses": {"add": "SPE_E3, SPE_E5"}}, ["licenses.add[0]", "licenses.add[1]", "- sku: SPE_E5"], False),
    "texts in a list of licenses": (USER, {**ERIN, "licenses": {"set": ["SPE_E3", "SPE_E5"]}}, ["licenses.set[0]", "licenses.set[1]", "- sku: SPE_E5"], False),
    "nothing in a list of licenses": (
        USER,
        {**ERIN, "licenses": {"set": [None, 5, True]}},
        ["set[0]: it is null", "[1]: it is a number", "a boolean"],
        False,
    ),
    "one license for a list": (
        USER,
        {**ERIN, "licenses": {"add": {"sku": "SPE_E3"}}},
        ["licenses.add: it is a dictionary, not a list"],
        False,
    ),
    "a dictionary to remove": (USER, {**ERIN, "licenses": {"remove": [{"sku": "SPE_E3"}]}}, ["licenses.remove[0]: it is a dictionary", "alone: SPE_E3"], False),
    "texts for alternatives": (
        USER,
        {**ERIN, "licenses": {"add": [{"sku": "SPE_E5", "alternatives": ["SPE_E3"]}]}},
        ["licenses.add[0].alternatives[0]: it is the text"],
        False,
    ),
    "texts for users": ("users_assign_license", {"users": ["erin@contoso.example"]}, ["users[0]: it is the text erin@contoso.example", "- user: erin@"], False),
    "a boolean in an entry": ("users_assign_license", {"users": [{**ERIN, "licenses": True}]}, ["users[0].licenses: it is a boolean"], False),
    "a SKU that is like no other": (USER, {**ERIN, "licenses": {"add": [{"sku": "Visio"}]}}, ["no SKU 'Visio' of this tenant (known: ", "SPE_E3"], True),
    "no time": (USER, {**ERIN, "usage_location": "DE", "timeout": 0}, ["timeout is 0"], False),
}


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(tenant, title):
    module, options, said, may_ask = MISTAKES[title]
    for check in (True, False):
        result = tenant.run(module, check=check, **options)
        assert result["failed"]
        for part in said:
            assert part in result["msg"]
    assert not tenant.writes()
    assert may_ask or not tenant.journal()


NOTE = 'until datetime.date(2026, 1, 2), it\'s "said"'


@pytest.mark.parametrize("name", ["alice@contoso.example", "o'neil@contoso.example"])
def test_a_list_with_dates_that_ansible_core_2_18_has_made_a_text_of(name):
    given = str([{"user": name, "last_day": datetime.date(2026, 2, 3), "profile": NOTE, "keep": [NOTE, ""], "from": None}, "bob"])
    assert (
        list_of_text(f" {given}", "users")
        == list_of_text(given, "users")
        == [{"user": name, "last_day": "2026-02-03", "profile": NOTE, "keep": [NOTE, ""]}, "bob"]
    )


@pytest.mark.parametrize("zone", [None, datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=2))])
def test_a_date_with_a_time_is_an_error(zone):
    given = str([{"user": "alice", "last_day": datetime.datetime(2026, 2, 3, 23, 30, tzinfo=zone)}, {"user": "bob", "last_day": datetime.date(2026, 2, 3)}])
    with pytest.raises(OptionError, match="users: a value in it is no text, number or date, or a date with a time: give dates such as 2026-12-31"):
        list_of_text(given, "users")


@pytest.mark.parametrize("text", ["['o''neil', 'bob']", '["o\'neil", "bob"]', "[o'neil, bob]", "- o'neil\n- bob"])
def test_an_apostrophe_in_a_list_as_text_is_one_of_yaml(text):
    assert list_of_text(text, "users") == ["o'neil", "bob"]


@pytest.mark.parametrize("text", ["[alice, bob]", "- alice\n- bob", '["alice", "bob"]', "['alice', 'bob']", " [alice,bob] "])
def test_a_list_as_text(text):
    assert list_of_text(text, "users") == ["alice", "bob"]


@pytest.mark.parametrize("text", [json.dumps([{"group": "\U0001f680 Team"}]), '[\n\t{"group": "\U0001f680 Team", "remove": null}\n]'])
def test_a_list_as_json(text):
    assert list_of_text(text, "groups") == [{"group": "\U0001f680 Team"}]


@pytest.mark.parametrize("text", ["alice", "5", "[alice", "a: b", "", "['alice' 'bob']", "datetime.date(2026, 1, 2)"])
def test_a_text_that_is_no_list_stays_what_it_is(text):
    assert list_of_text(text, "users") == text


@pytest.mark.parametrize("write", [json.dumps, repr])
def test_a_text_that_holds_a_list_or_a_dictionary_is_that(tenant, write):
    """Extra variables and surveys send such, as JSON or as Python writes it; what is null or blank in it is not given."""
    licenses = {"add": [{"sku": "SPE_E5", "disabled_plans": None, "plans_mode": ""}], "set": None}
    asked = tenant.check(USER, **ERIN, licenses=licenses)
    assert not asked["failed"]
    assert tenant.check(USER, **ERIN, licenses=write(licenses))["changes"] == asked["changes"]
    many = [{**ERIN, "licenses": licenses, "usage_location": ""}]
    assert tenant.check("users_assign_license", users=write(many))["results"] == tenant.check("users_assign_license", users=many)["results"]
    assert tenant.check("users_assign_license", users=[write(many[0])])["results"] == tenant.check("users_assign_license", users=many)["results"]


@pytest.mark.parametrize("text", ['{"add": [{"sku": "a\\u0000b"}]}', '{"add": [{"sku": "a\\ud800b"}]}'])
def test_a_text_that_holds_what_no_name_can_have(tenant, text):
    result = tenant.run(USER, **ERIN, licenses=text)
    assert "licenses.add[0].sku is 'a" in result["msg"]
    assert not tenant.journal()


@pytest.mark.parametrize("wrong", [{"licenses": None}, {"licenses": {"add": [None]}}, {"licenses": {"remove": [{"sku": None}]}}])
def test_a_secret_in_the_wrong_place_is_masked_or_not_shown(tenant, wrong):
    for secret in ("Zq\\7u'pa\\ss", "long " * 20):
        options = json.loads(json.dumps(wrong).replace("null", json.dumps(secret)))
        result = tenant.run(USER, **{**ERIN, **options, "client_secret": secret})
        assert result["failed"]
        assert secret.strip() not in json.loads(json.dumps(result["msg"]))
        assert "pa\\" not in result["msg"]


def test_blank_options_count_as_unset(tenant):
    """AWX surveys send them."""
    blanks = {"group": "", "device": "", "allotment": "", "subscription_id": "", "cloud": "", "auth": "", "state": "", "plans_mode": "", "tenant_id": None}
    result = tenant.run(CLOUD, **ERIN, sku="SPE_E5", **blanks)
    assert not result["failed"], result
    licenses = {"add": [{"sku": "SPE_E5", "plans_mode": "", "disabled_plans": None}], "set": None}
    assert not tenant.run(USER, **ERIN, usage_location="", licenses=licenses, inherited="")["failed"]


def test_an_untrusted_certificate_is_said_so(tenant, monkeypatch):
    del tenant.options["ca_path"]
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    result = tenant.run(USER, **ERIN, usage_location="DE")
    assert "is not trusted" in result["msg"]
    assert "ca_path" in result["msg"]
    assert not tenant.run(USER, **ERIN, usage_location="SE", validate_certs=False)["failed"]


LACKING = """
import json, sys
class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {library!r}:
            raise ImportError(f"No module named {{name}}")
sys.meta_path.insert(0, Lacking())
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = {arguments!r}
basic._ANSIBLE_PROFILE = "legacy"
from ansible_collections.m365.licensing.plugins.modules.user_assign_license import main
main()
"""


@pytest.mark.parametrize("library", ["requests", "msal", "msal_extensions"])
def test_a_missing_library_is_named(tenant, library, tmp_path):
    graph = tenant.sign_in
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**graph, **ERIN, "usage_location": "DE", "token_cache": str(tmp_path / "cache")}}).encode()
    program = LACKING.format(library=library, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    result = json.loads(done.stdout)
    assert result["failed"]
    assert library.replace("_", "-") in result["msg"]
    assert "install" in result["msg"].lower()
    assert done.stderr == ""


def test_the_modules_do_not_load_msal_for_a_ready_token(tenant):
    """Loading it costs more than the rest of a task."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**tenant.options, **ERIN, "usage_location": "SE"}}).encode()
    done = subprocess.run([sys.executable, "-c", LACKING.format(library="msal", arguments=arguments)], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["changed"] is False
