# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licenses of a thousand people, five ways, side by side against one sandbox: none, a tenth and all of them to change.

    python bulk.py [--people 1000] [--looped 100] [--latency 0.05] [--svg chart.svg]

Ways that cost a process for each person are measured on fewer and stated per person; the others on all.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import http.client
import json
import os
import platform
import resource
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path

import yaml
from memory import measured
from sandbox_speed import NO_QUOTA, with_sandbox

SKU, SKU_ID = "SPE_E3", "05e9a617-0261-4cee-bb44-138d3ef5d965"
SWAY = "a23b959c-7ce8-4e57-9140-b90eb88a9e97"
SCENARIOS = {"none": 0.0, "a tenth": 0.1, "all": 1.0}
FIELDS = "id,userPrincipalName,usageLocation,assignedLicenses,licenseAssignmentStates"


class Tenant:
    """The sandbox, and what it was sent."""

    def __init__(self, ready: dict, latency: float) -> None:
        self.ready, self._latency = ready, latency
        self._context = ssl.create_default_context(cafile=ready["graph"]["ca_path"])
        self.bearer = {"Authorization": f"Bearer {ready['credentials']['access_token']}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.ready['control_url']}/{path}", data=data, method=method)
        with urllib.request.urlopen(request, context=self._context) as answer:
            content = answer.read()
        return json.loads(content) if content else {}

    def prepare(self) -> None:
        """The tenant of the seed, with latency and an empty journal."""
        self.ask("POST", "reset")
        self.ask("POST", "conditions", {"delay": self._latency, **NO_QUOTA})

    def sent(self) -> tuple[int, int, int]:
        """Requests, writes, and how often 429 was answered."""
        entries = self.ask("GET", "journal")["requests"]
        outer = [entry for entry in entries if entry["batch"] is None and entry["path"].startswith("/v1.0")]
        return len(outer), sum(entry["write"] for entry in entries), sum(entry["status"] == 429 for entry in entries)


def people_of(count: int, part: float) -> list[dict]:
    """Entries of the odd half, who hold the SKU: the first part of them gets Sway turned off."""
    names = [f"user{number:06}@contoso.example" for number in range(1, 2 * count, 2)]
    changed = round(count * part)
    return [{"user": name, "disabled_plans": ["SWAY"] if index < changed else []} for index, name in enumerate(names)]


def play(tenant: Tenant, tasks: list[dict], folder: Path) -> float:
    """Seconds that the tasks of a play take, from the first to the last."""
    began, ended = ({"ansible.builtin.command": f"{sys.executable} -c 'import time; print(time.time())'", "register": name} for name in ("began", "ended"))
    said = {"ansible.builtin.copy": {"content": "{{ ended.stdout | float - began.stdout | float }}", "dest": str(folder / "seconds")}}
    plays = [{"hosts": "localhost", "gather_facts": False, "tasks": [began, *tasks, ended, said]}]
    (folder / "play.yml").write_text(yaml.safe_dump(plays))
    ready = tenant.ready
    more = {"MSGRAPH_URL": ready["url"], "MSGRAPH_CA_PATH": ready["graph"]["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["credentials"]["access_token"]}
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(folder / "play.yml"), "-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-2000:])
    return float((folder / "seconds").read_text())


def by_nothing(tenant: Tenant, dummy: list[dict], folder: Path) -> float:
    return play(tenant, [{"ansible.builtin.ping": {}}], folder)


def by_uri(tenant: Tenant, people: list[dict], folder: Path) -> float:
    base = {"headers": tenant.bearer, "ca_path": tenant.ready["graph"]["ca_path"]}
    look = {
        "ansible.builtin.uri": {**base, "url": f"{tenant.ready['url']}/v1.0/users/{{{{ item.user }}}}?$select=id,assignedLicenses"},
        "loop": people, "register": "looked",
    }  # fmt: skip
    write = {
        "ansible.builtin.uri": {
            **base, "method": "POST", "url": f"{tenant.ready['url']}/v1.0/users/{{{{ item.item.user }}}}/assignLicense", "body_format": "json",
            "body": {"addLicenses": [{"skuId": SKU_ID, "disabledPlans": [SWAY]}], "removeLicenses": []},
        },
        "loop": "{{ looked.results }}",
        "when": "(item.item.disabled_plans | length > 0) and not (item.json.assignedLicenses | map(attribute='disabledPlans') | flatten)",
    }  # fmt: skip
    return play(tenant, [look, write], folder)


def licenses_of(plans: object) -> dict:
    return {"add": [{"sku": SKU, "disabled_plans": plans}]}


def by_loop(tenant: Tenant, people: list[dict], folder: Path) -> float:
    module = {"m365.licensing.user_assign_license": {"user": "{{ item.user }}", "licenses": licenses_of("{{ item.disabled_plans }}")}, "loop": people}
    return play(tenant, [module], folder)


def by_bulk(tenant: Tenant, people: list[dict], folder: Path) -> float:
    return play(tenant, [{"m365.licensing.users_assign_license": {"users": users_of(people), "results": "failed"}}], folder)


def by_process(tenant: Tenant, people: list[dict], dummy: Path) -> float:
    return measured("users_assign_license", tenant.ready, users=users_of(people), results="failed")[0]


def users_of(people: list[dict]) -> list[dict]:
    return [{"user": one["user"], "licenses": licenses_of(one["disabled_plans"])} for one in people]


def by_sdk(tenant: Tenant, people: list[dict], dummy: Path) -> float:
    """A careful script on the official SDK: eight in flight, a read and, when it is needed, a write for each person."""
    import httpx
    from azure.core.credentials import AccessToken
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.models.assigned_license import AssignedLicense
    from msgraph.generated.users.item.assign_license.assign_license_post_request_body import AssignLicensePostRequestBody
    from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder

    class Ready:
        def get_token(self, *dummy: str, **dummy_too: object) -> AccessToken:
            return AccessToken(tenant.ready["credentials"]["access_token"], int(time.time()) + 3600)

    host = tenant.ready["url"].removeprefix("https://").partition(":")[0]
    query = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(select=["id", "assignedLicenses"])
    asked = UserItemRequestBuilder.UserItemRequestBuilderGetRequestConfiguration(query_parameters=query)

    async def run() -> None:
        provider = AzureIdentityAuthenticationProvider(Ready(), allowed_hosts=[host, tenant.ready["url"].removeprefix("https://")])
        client = httpx.AsyncClient(verify=tenant.ready["graph"]["ca_path"], timeout=60, base_url=f"{tenant.ready['url']}/v1.0")
        adapter = GraphRequestAdapter(provider, client)
        adapter.base_url = f"{tenant.ready['url']}/v1.0"
        graph, gate = GraphServiceClient(request_adapter=adapter), asyncio.Semaphore(8)

        async def one(person: dict) -> None:
            async with gate:
                user = await graph.users.by_user_id(person["user"]).get(asked)
                have = {str(plan) for held in user.assigned_licenses for plan in held.disabled_plans}
                want = {SWAY} if person["disabled_plans"] else set()
                if have != want:
                    added = AssignedLicense(sku_id=SKU_ID, disabled_plans=sorted(want))
                    await graph.users.by_user_id(person["user"]).assign_license.post(AssignLicensePostRequestBody(add_licenses=[added], remove_licenses=[]))

        await asyncio.gather(*(one(person) for person in people))

    began = time.monotonic()
    asyncio.run(run())
    return time.monotonic() - began


def by_bytes(tenant: Tenant, people: list[dict], dummy: Path) -> float:
    """What the bulk module sends, sent with nothing computed: pages of users, then batches of twenty, four at a time."""
    host = tenant.ready["url"].removeprefix("https://")
    context = ssl.create_default_context(cafile=tenant.ready["graph"]["ca_path"])
    changed = [one for one in people if one["disabled_plans"]]
    bodies = []
    for start in range(0, len(changed), 20):
        end = start + 20
        license_of = {"addLicenses": [{"skuId": SKU_ID, "disabledPlans": [SWAY]}], "removeLicenses": []}
        base = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": license_of}
        items = [{**base, "id": str(index), "url": f"/users/{one['user']}/assignLicense"} for index, one in enumerate(changed[start:end])]
        bodies.append(json.dumps({"requests": items}))

    def send(connection: http.client.HTTPSConnection, method: str, path: str, body: str | None) -> dict:
        connection.request(method, path, body, tenant.bearer)
        answer = connection.getresponse()
        return json.loads(answer.read())

    def some(part: list[str]) -> None:
        connection = http.client.HTTPSConnection(host, context=context)
        for body in part:
            send(connection, "POST", "/v1.0/$batch", body)

    began = time.monotonic()
    connection = http.client.HTTPSConnection(host, context=context)
    send(connection, "GET", "/v1.0/subscribedSkus", None)
    link, seen = f"/v1.0/users?$select={FIELDS}&$top=999", 0
    while link and seen < 2 * len(people):
        page = send(connection, "GET", link, None)
        seen += len(page["value"])
        link = page.get("@odata.nextLink", "").removeprefix(tenant.ready["url"])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(some, [bodies[number::4] for number in range(4)]))
    return time.monotonic() - began


WAYS = {
    "a task that does nothing": (by_nothing, False),
    "a loop over ansible.builtin.uri": (by_uri, True),
    "a loop over user_assign_license": (by_loop, True),
    "users_assign_license": (by_bulk, False),
    "its process, without Ansible around it": (by_process, False),
    "a script on msgraph-sdk, 8 in flight": (by_sdk, False),
    "the same bytes, nothing computed": (by_bytes, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--looped", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--svg")
    options = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("ansible-core", "msgraph-sdk", "requests"))
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {versions}"
    print(f"{machine}; {options.people} people, latency {options.latency} s, no quota")
    ready, dummy, end = with_sandbox("--users", str(2 * options.people))
    rows: dict[str, dict[str, float]] = {}
    try:
        tenant = Tenant(ready, options.latency)
        for way, (run, is_looped) in WAYS.items():
            for scenario, part in SCENARIOS.items():
                count = options.looped if is_looped else options.people
                tenant.prepare()
                with tempfile.TemporaryDirectory() as folder:
                    seconds = run(tenant, people_of(count, part), Path(folder)) * options.people / count
                requests, writes, refused = tenant.sent()
                peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
                rows.setdefault(way, {})[scenario] = seconds
                scale = options.people / count
                print(
                    f"{way:38} {scenario:8} {seconds:8.2f} s  {requests * scale:7.0f} requests {writes * scale:6.0f} writes {refused:4} x 429  {peak:5.0f} MB"
                )
    finally:
        end()
    bulk = rows["users_assign_license"]
    for way, seconds in rows.items():
        print(f"{way:38} " + ", ".join(f"{scenario}: {seconds[scenario] / bulk[scenario]:.1f}x" for scenario in SCENARIOS))
    if options.svg:
        Path(options.svg).write_text(chart(rows, options))


def chart(rows: dict[str, dict[str, float]], options: argparse.Namespace) -> str:
    """Bars on a logarithmic scale, a group for each way."""
    import math

    colors = {"none": "#7a9cc6", "a tenth": "#4f6d9a", "all": "#2b3f63"}
    left, width, height, gap = 280, 520, 16, 14
    top = math.log10(max(max(row.values()) for row in rows.values()) * 1.5)
    low = math.log10(min(min(row.values()) for row in rows.values()) / 2)
    parts, y = [], 50
    for way, row in rows.items():
        parts.append(f'<text x="{left - 10}" y="{y + 1.5 * height + 5}" text-anchor="end">{way}</text>')
        for scenario, seconds in row.items():
            length = width * (math.log10(seconds) - low) / (top - low)
            parts.append(f'<rect x="{left}" y="{y}" width="{length:.0f}" height="{height - 2}" fill="{colors[scenario]}"/>')
            parts.append(f'<text x="{left + length + 6:.0f}" y="{y + height - 5}">{seconds:.1f} s</text>')
            y += height
        y += gap
    legend = "".join(
        f'<rect x="{left + index * 130}" y="18" width="12" height="12" fill="{color}"/><text x="{left + 18 + index * 130}" y="29">{scenario} to change</text>'
        for index, (scenario, color) in enumerate(colors.items())
    )
    title = f"<title>Seconds for {options.people} people, at {options.latency * 1000:.0f} ms latency, logarithmic</title>"
    style = "<style>text{font:13px sans-serif;fill:#222}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 90} {y}" role="img">{title}{style}{legend}{"".join(parts)}</svg>\n'


if __name__ == "__main__":
    main()
