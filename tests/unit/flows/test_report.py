# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: what it counts, the files that it writes, and the page as a browser shows it, wide and narrow, light and dark."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from sandbox_tenant.seed import load_seed
from support.plays import Stage
from support.seeds import upn
from support.tenant import ROOT

pytestmark = pytest.mark.plays

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = {"phone": 400, "desktop": 1200}
MEASURE = """<script>
const seen = [...document.querySelectorAll("body *")].filter(one => getComputedStyle(one.closest("thead") || one).position !== "absolute");
const wide = seen.filter(one => one.getBoundingClientRect().right > window.innerWidth + 1).map(one => one.tagName + "." + one.className);
const back = getComputedStyle(document.body).backgroundColor;
parent.document.title = JSON.stringify({width: window.innerWidth, scroll: document.documentElement.scrollWidth, wide, back});
</script>"""


def eventful_seed() -> dict:
    """A tenant with something of everything that the report speaks of, and names that try to be more than names."""
    seed = load_seed(None)
    people = {user["name"]: user for user in seed["users"]}
    people["frank"]["enabled"] = False
    people["heidi"]["licenses"] = [*people["heidi"].get("licenses", []), {"sku": "SPE_E3"}]
    people["kim"]["display_name"] = "<script>alert(1)</script>"
    seed["groups"][0]["members"] += ["kim", "leo", "alice"]
    seed["skus"] = [{**sku, "enabled": 2} if sku["part_number"] == "POWER_BI_PRO" else sku for sku in seed["skus"]]
    seed["allotments"] = [{**row, "units": 1} if row["sku"] == "POWER_BI_PRO" else row for row in seed["allotments"]]
    seed["groups"][0]["licenses"].append({"sku": "POWER_BI_PRO"})
    return seed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("report")
    (made / "out").mkdir()
    return made


@pytest.fixture
def stage(tenant, folder):
    tenant.reset(eventful_seed())
    return Stage(tenant, folder)


OPTIONS = {"license_report_folder": "{{ folder }}/out", "license_report_currency": "EUR", "license_report_prices": {"SPE_E3": 36, "SPE_E5": 57.5}}


def warned(result: dict, capsys) -> str:
    """Warnings of a module that ran in this process: in its result, or on the standard error of a process in which Ansible shows them itself."""
    return str(result.get("warnings")) + " ".join(capsys.readouterr().err.split())


def test_what_it_counts(stage, tenant, capsys):
    result = tenant.run("license_report_info", prices={"SPE_E3": 10, "06ebc4ee-1bb5-47dd-8120-11324bc54e06": 2.5, "SPE_E9": 1}, ignore=["STANDARDPACK"])
    assert "prices: the tenant has no SKU SPE_E9; check the spelling" in warned(result, capsys)
    report = result["report"]
    skus = {row["sku"]: row for row in report["skus"]}
    assert {row["user"] for row in report["disabled"]} == {upn("frank"), upn("kim")}
    assert {"user": upn("heidi"), "sku": "SPE_E3", "groups": ["Support desk"]} in report["twice"]
    assert upn("ivan") in [row["user"] for row in report["never_signed_in"]]
    assert {row["error"] for row in report["errors"]} == {"CountViolation"}
    assert {row["sku"] for row in report["waiting"]} == {"POWER_BI_PRO"}
    assert (skus["STANDARDPACK"]["mark"], skus["SPE_E3"]["mark"]) == (None, "warning"), "of what is ignored, nothing is said"
    paid = skus["SPE_E3"]["owned"] - skus["SPE_E3"]["warning"]
    assert skus["SPE_E3"]["cost"] == 10 * paid
    assert skus["SPE_E5"]["cost"] == 2.5 * skus["SPE_E5"]["owned"]
    assert report["cost_unused"] == 10 * (paid - skus["SPE_E3"]["used"]) + 2.5 * skus["SPE_E5"]["free"]
    assert not tenant.writes()
    assert len(tenant.journal()) <= 7, "SKUs, users, pools, waiting rooms, subscriptions, names of groups"


def test_inactive_accounts_and_what_they_cost(tenant):
    ages = {"bob": 10, "carol": 89, "dave": 91, "erin": 400}
    for name, days in ages.items():
        used = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86_400 * days))
        tenant.store.users[tenant.user_id(name)]["signInActivity"] = {"lastSignInDateTime": None, "lastNonInteractiveSignInDateTime": used}
    found = {}
    for days in (5, 90, 365):
        report = tenant.run("license_report_info", prices={"SPE_E5": 57.5}, inactive_days=days)["report"]
        found[days] = {row["user"].partition("@")[0]: row for row in report["inactive"]}
    assert {days: sorted(found[days].keys() & ages.keys()) for days in found} == {5: sorted(ages), 90: ["dave", "erin"], 365: ["erin"]}
    erin, dave = found[90]["erin"], found[90]["dave"]
    assert (erin["cost"], dave["cost"]) == (57.5, None)
    assert erin["last_sign_in"] < dave["last_sign_in"]
    assert "ivan" not in found[5], "who never signed in is in a list of its own"
    result = tenant.check(
        "licensed_users", users=[row["user"] for row in found[90].values()], state="released", record_path="/nowhere/x", record_missing="create"
    )
    assert "record_path" in result["msg"], "the names are users of the role for leavers"
    assert "inactive_days is 0" in tenant.run("license_report_info", inactive_days=0)["msg"]


def test_what_may_not_be_read_is_said_and_the_rest_is_there(stage, tenant, capsys):
    tenant.fault("/users", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=1)
    tenant.fault("/directory/subscriptions", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=1)
    result = tenant.run("license_report_info")
    assert not result["failed"], result
    assert result["report"]["never_signed_in"] is None
    assert result["report"]["licensed"] > 5
    said = warned(result, capsys)
    assert "sign-ins are not known" in said
    assert "the ends of subscriptions are not known" in said
    assert tenant.run("license_report_info", pools="none")["report"]["waiting"] is None


def test_files_and_a_second_run(stage):
    stage.play([stage.role("license_report", OPTIONS)])
    out = stage.folder / "out"
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(first) == {"licenses.json", "licenses.html", "licenses-skus.csv", "licenses-people.csv"}
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    output = stage.play([stage.role("license_report", OPTIONS)])
    assert "changed=0" in output
    assert first == {path.name: path.read_bytes() for path in out.iterdir()}
    report = json.loads(first["licenses.json"])
    rows = list(csv.DictReader(first["licenses-skus.csv"].decode().splitlines()))
    assert [row["sku"] for row in rows] == [row["sku"] for row in report["skus"]]
    people = list(csv.DictReader(first["licenses-people.csv"].decode().splitlines()))
    assert {"error", "held twice", "disabled account", "never signed in", "waits"} == {row["what"] for row in people}


def test_what_has_changed_since(stage, tenant):
    stage.play([stage.role("license_report", {**OPTIONS, "license_report_name": "before"})])
    assert tenant.run("user_assign_license", user=upn("grace"), licenses={"add": [{"sku": "SPE_E5"}]})["changed"]
    drift = tenant.run("license_report_info", earlier=str(stage.folder / "out/before.json"))["report"]["drift"]
    assert drift["skus"] == [{"sku": "SPE_E5", "used": [2, 3]}]
    more = {"license_report_name": "after", "license_report_earlier": "{{ folder }}/out/before.json"}
    stage.play([stage.role("license_report", {**OPTIONS, **more})])
    assert "2 → 3" in (stage.folder / "out/after.html").read_text()


def page(stage) -> str:
    stage.play([stage.role("license_report", {**OPTIONS, "license_report_title": 'Licenses <b>&</b> "seats"', "license_report_formats": ["html"]})])
    return (stage.folder / "out/licenses.html").read_text()


def test_the_page_stands_alone_and_takes_names_for_names(stage):
    text = page(stage)
    targets = re.findall(r'href="#(\w+)"', text)
    assert targets, "tiles lead to their sections"
    assert {target for target in targets if f'id="{target}"' not in text} <= {"errors", "disabled", "inactive"}, "a list without rows is in the last section"
    assert not re.findall(r"src\s*=|href\s*=\s*\"(?!#)|@import|url\(|https?://", text)
    assert len(re.findall("<script", text)) == 1, "that of the filter, without which all is shown"
    assert "Licenses &lt;b&gt;&amp;&lt;/b&gt;" in text
    assert "contoso, tenant " in text


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_the_page_fits_wide_and_narrow_light_and_dark(stage):
    measured = stage.folder / "measured.html"
    inner = html.escape(page(stage).replace("</body>", f"{MEASURE}</body>"))
    backs = set()
    for name, width in WIDTHS.items():
        measured.write_text(f'<body style="margin: 0"><iframe width="{width}" height="1600" style="border: 0; display: block" srcdoc="{inner}"></iframe>')
        for scheme in (0, 1):
            found = re.search(r"<title>(.*?)</title>", browse(stage.folder, measured, max(width, 600), "--dump-dom", scheme))
            shown = json.loads(html.unescape(found.group(1)))
            assert shown["width"] == width
            assert shown["scroll"] <= width, shown
            assert not shown["wide"], (name, shown["wide"])
            backs.add(shown["back"])
        picture = stage.folder / f"{name}.png"
        browse(stage.folder, measured, width, f"--screenshot={picture}", 1)
        assert picture.stat().st_size > 20_000
    assert len(backs) == 2, "light and dark"
    paper = stage.folder / "report.pdf"
    browse(stage.folder, measured, 1200, f"--print-to-pdf={paper}", 1)
    assert paper.read_bytes().startswith(b"%PDF")


def browse(folder: Path, file: Path, width: int, what: str, scheme: int) -> str:
    """What the browser says of a page. A scheme is 0 for dark and 1 for light."""
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={folder}/browser",
        f"--blink-settings=preferredColorScheme={scheme}",
    ]
    done = subprocess.run([BROWSER, *flags, f"--window-size={width},1600", what, file.as_uri()], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pictures_of_the_page_are_in_the_documentation():
    assert all((ROOT / f"docs/images/report_{name}.png").is_file() for name in WIDTHS)


def test_a_job_that_reports_against_its_own_last_report_is_stable(stage, tenant):
    """The natural monthly job: a first run without an earlier report, and a second on the same day that does not wipe what the first has found."""
    options = {**OPTIONS, "license_report_name": "own", "license_report_earlier": "{{ folder }}/out/own.json"}
    path = stage.folder / "out/own.json"
    path.unlink(missing_ok=True)
    stage.play([stage.role("license_report", options)])
    assert json.loads(path.read_text())["drift"] is None
    assert "changed=0" in stage.play([stage.role("license_report", options)])
    assert tenant.run("user_assign_license", user=upn("grace"), licenses={"add": [{"sku": "SPE_E5"}]})["changed"]
    stage.play([stage.role("license_report", options)])
    first = path.read_bytes()
    assert [row["sku"] for row in json.loads(first)["drift"]["skus"]] == ["SPE_E5"]
    for dummy in range(2):
        assert "changed=0" in stage.play([stage.role("license_report", options)])
        assert path.read_bytes() == first


@pytest.mark.parametrize(
    "content",
    [
        "[]", "{", "[" * 100_000, '{"version": 1}', '{"version": 1, "skus": [{"sku": "A", "sku_id": [1]}]}', '{"version": 1, "skus": [], "disabled": 5}',
        '{"version": 1, "skus": [], "errors": ["x"]}', '{"version": 1, "skus": [{"sku": "A", "sku_id": "a", "owned": "many"}]}', "\ud800",
    ],
)  # fmt: skip
def test_a_damaged_report_is_said_so(tenant, tmp_path, content):
    (tmp_path / "report.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    for option in ("earlier", "current"):
        result = tenant.run("license_report_info", **{option: str(tmp_path / "report.json")})
        assert result["msg"].startswith(f"{option}: ")
        assert "Traceback" not in str(result)


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 1e308, -1, True, "x", None, [1]])
def test_prices_that_are_none(tenant, price):
    result = tenant.run("license_report_info", prices={"SPE_E3": price}) if price is not None else {"msg": "prices.SPE_E3 is None"}
    assert "prices.SPE_E3 is" in result["msg"]
    assert not tenant.journal()


def test_errors_of_one_sku_are_of_that_sku_only(tenant):
    tenant.reset(eventful_seed())
    result = tenant.run("user_license_info", sku="SPE_E3", only_errors=True)
    assert {row["sku"] for row in result["errors"]} <= {"SPE_E3"}
    assert {row["user_principal_name"] for row in result["users"]} == {row["user_principal_name"] for row in result["errors"]}


def test_a_report_does_not_change_with_the_order_in_which_graph_lists(stage, tenant):
    stage.play([stage.role("license_report", {**OPTIONS, "license_report_name": "ordered"})])
    service = tenant.sandbox.service
    service.tenant.users = dict(reversed(service.tenant.users.items()))
    service.tenant.groups = dict(reversed(service.tenant.groups.items()))
    assert "changed=0" in stage.play([stage.role("license_report", {**OPTIONS, "license_report_name": "ordered"})])


def test_what_graph_does_not_say_of_sign_ins_is_counted_and_shown(stage, tenant):
    for user in tenant.store.users.values():
        user.pop("signInActivity")
    report = tenant.run("license_report_info")["report"]
    assert report["never_signed_in"] == []
    assert report["sign_ins_unknown"] == report["licensed"] > 0
    stage.play([stage.role("license_report", {**OPTIONS, "license_report_name": "unknown"})])
    page = (stage.folder / "out/unknown.html").read_text()
    assert "Everybody with a license has signed in" not in page
    assert "Graph does not report a last sign-in for" in page


def test_a_country_that_is_no_more_stops_no_user(tenant):
    tenant.store.user(upn("dave"))["usageLocation"] = "AN"
    saved = tenant.run("user_license_info", users=[upn("dave"), upn("bob")], as_desired=True)["desired"]
    assert not tenant.run("users_assign_license", users=saved)["failed"]
