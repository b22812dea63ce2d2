# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft's own clients on the sandbox: azure-identity gets the tokens, msgraph-sdk and msgraph-beta-sdk cannot tell it from Graph."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import pytest
from azure.identity import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.groups.item.assign_license.assign_license_post_request_body import AssignLicensePostRequestBody as GroupAssignBody
from msgraph.generated.groups.item.group_item_request_builder import GroupItemRequestBuilder
from msgraph.generated.models.assigned_license import AssignedLicense
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.users.item.assign_license.assign_license_post_request_body import AssignLicensePostRequestBody
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_beta import GraphRequestAdapter as BetaAdapter
from msgraph_beta import GraphServiceClient as BetaClient
from msgraph_beta.generated.admin.cloud_licensing.allotments.allotments_request_builder import AllotmentsRequestBuilder
from msgraph_beta.generated.models.cloud_licensing.assignment import Assignment
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError as BetaError

E3, E5 = uuid.UUID("05e9a617-0261-4cee-bb44-138d3ef5d965"), uuid.UUID("06ebc4ee-1bb5-47dd-8120-11324bc54e06")
SWAY = uuid.UUID("a23b959c-7ce8-4e57-9140-b90eb88a9e97")


def clients(tenant):
    """The two clients, unmodified but for the base URL, the CA and the credential."""
    graph = tenant.sign_in
    credential = ClientSecretCredential(
        graph["tenant_id"],
        graph["client_id"],
        graph["client_secret"],
        authority=graph["authority_url"],
        disable_instance_discovery=True,
        connection_verify=graph["ca_path"],
    )
    scopes = ["https://graph.microsoft.com/.default"]
    made = []
    for adapter_class, client_class, version in ((GraphRequestAdapter, GraphServiceClient, "v1.0"), (BetaAdapter, BetaClient, "beta")):
        provider = AzureIdentityAuthenticationProvider(credential, scopes=scopes, allowed_hosts=["127.0.0.1"])
        adapter = adapter_class(provider, client=httpx.AsyncClient(verify=graph["ca_path"]))
        adapter.base_url = f"{tenant.sandbox.url}/{version}"
        made.append(client_class(request_adapter=adapter))
    return made


def assign(add=(), remove=()):
    body = AssignLicensePostRequestBody()
    body.add_licenses, body.remove_licenses = list(add), list(remove)
    return body


def wanted(sku, *off):
    made = AssignedLicense()
    made.sku_id, made.disabled_plans = sku, list(off)
    return made


async def read_user(client, key):
    parameters = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(
        select=["id", "userPrincipalName", "usageLocation", "assignedLicenses", "licenseAssignmentStates"]
    )
    return await client.users.by_user_id(key).get(UserItemRequestBuilder.UserItemRequestBuilderGetRequestConfiguration(query_parameters=parameters))


def test_classic_licensing(tenant):
    async def conversation():
        client, dummy = clients(tenant)
        skus = await client.subscribed_skus.get()
        assert {sku.sku_part_number: sku.prepaid_units.enabled for sku in skus.value}["SPE_E5"] == 4
        user = await read_user(client, "carol@contoso.example")
        assert [held.sku_id for held in user.assigned_licenses] == [E3]
        assert user.license_assignment_states[0].assigned_by_group is None
        builder = client.users.by_user_id(user.id)
        answered = await builder.assign_license.post(assign([wanted(E3, SWAY)]))
        assert answered.user_principal_name == "carol@contoso.example"
        assert (await read_user(client, user.id)).assigned_licenses[0].disabled_plans == [SWAY]
        await builder.assign_license.post(assign([wanted(E5)], [E3]))
        assert tenant.holds("carol") == {"SPE_E5": []}
        details = await builder.license_details.get()
        assert [row.sku_part_number for row in details.value] == ["SPE_E5"]
        await builder.assign_license.post(assign(remove=[E5]))
        assert tenant.holds("carol") == {}

    asyncio.run(conversation())


def test_users_in_pages(tenant):
    async def conversation():
        client, dummy = clients(tenant)
        parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(top=5, select=["id", "userPrincipalName"])
        page = await client.users.get(UsersRequestBuilder.UsersRequestBuilderGetRequestConfiguration(query_parameters=parameters))
        names = [user.user_principal_name for user in page.value]
        while page.odata_next_link:
            page = await client.users.with_url(page.odata_next_link).get()
            names += [user.user_principal_name for user in page.value]
        assert sorted(names) == sorted(tenant.state()["users"])
        assert len([entry for entry in tenant.journal() if entry["path"] == "/v1.0/users"]) == 3

    asyncio.run(conversation())


ERRORS = {
    "no seats": ("heidi@contoso.example", [wanted(uuid.UUID("18181a46-0d4e-45cd-891e-60aabd171b4e"))], [], "does not have any available licenses"),
    "no location": ("alice@contoso.example", [wanted(E5)], [], "invalid usage location"),
    "not held": ("carol@contoso.example", [], [E5], "does not have a corresponding license"),
    "inherited": ("heidi@contoso.example", [], [E3], "inherited from a group membership"),
    "unknown SKU": ("carol@contoso.example", [wanted(uuid.UUID(int=7))], [], "does not correspond to a valid company License"),
    "nothing": ("carol@contoso.example", [], [], "No license changes provided"),
    "unknown user": ("nobody@contoso.example", [], [E5], "does not exist"),
}


@pytest.mark.parametrize("title", ERRORS)
def test_errors_are_parsed(tenant, title):
    user, add, remove, said = ERRORS[title]

    async def conversation():
        client, dummy = clients(tenant)
        with pytest.raises(ODataError) as caught:
            await client.users.by_user_id(user).assign_license.post(assign(add, remove))
        assert said in caught.value.error.message
        assert caught.value.error.inner_error.request_id

    asyncio.run(conversation())


def test_cloud_licensing(tenant):
    async def conversation():
        dummy, client = clients(tenant)
        cloud = client.admin.cloud_licensing
        parameters = AllotmentsRequestBuilder.AllotmentsRequestBuilderGetQueryParameters(filter=f"skuId eq {E5}", expand=["assignments"])
        page = await cloud.allotments.get(AllotmentsRequestBuilder.AllotmentsRequestBuilderGetRequestConfiguration(query_parameters=parameters))
        (pool,) = page.value
        assert (pool.allotted_units, pool.consumed_units, len(pool.assignments)) == (4, 2, 2)
        body = Assignment()
        body.disabled_service_plan_ids = [SWAY]
        body.additional_data = {
            "allotment@odata.bind": f"{tenant.sandbox.url}/beta/admin/cloudLicensing/allotments/{pool.id}",
            "assignedTo@odata.bind": f"{tenant.sandbox.url}/beta/users/{tenant.user_id('grace')}",
        }
        created = await cloud.assignments.post(body)
        builder = cloud.assignments.by_assignment_id(created.id)
        assert (await builder.get()).disabled_service_plan_ids == [SWAY]
        assert (await builder.allotment.get()).sku_part_number == "SPE_E5"
        assert (await builder.assigned_to.get()).id == tenant.user_id("grace")
        change = Assignment()
        change.disabled_service_plan_ids = []
        assert (await builder.patch(change)).disabled_service_plan_ids == []
        await builder.delete()
        assert tenant.claims(tenant.user_id("grace")) == []

    asyncio.run(conversation())


def test_group_licensing_and_reprocess(tenant):
    async def conversation():
        client, dummy = clients(tenant)
        group = tenant.group_id("Support desk")
        body = GroupAssignBody()
        body.add_licenses, body.remove_licenses = [wanted(E3, SWAY)], []
        await client.groups.by_group_id(group).assign_license.post(body)
        body.add_licenses, body.remove_licenses = [], [E3]
        await client.groups.by_group_id(group).assign_license.post(body)
        parameters = GroupItemRequestBuilder.GroupItemRequestBuilderGetQueryParameters(select=["assignedLicenses", "licenseProcessingState"])
        states = []
        for dummy in range(3):
            configuration = GroupItemRequestBuilder.GroupItemRequestBuilderGetRequestConfiguration(query_parameters=parameters)
            shown = await client.groups.by_group_id(group).get(configuration)
            states.append(shown.license_processing_state.state)
        assert states[-1] == "ProcessingComplete"
        assert shown.assigned_licenses == []
        answered = await client.users.by_user_id("heidi@contoso.example").reprocess_license_assignment.post()
        assert answered.user_principal_name == "heidi@contoso.example"
        assert (await client.directory.subscriptions.get()).value

    asyncio.run(conversation())


def test_the_rest_that_the_beta_client_has_builders_for(tenant):
    async def conversation():
        dummy, client = clients(tenant)
        cloud = client.admin.cloud_licensing
        group, pool = tenant.group_id("Support desk"), tenant.pools("SPE_E5")[0]
        for name in ("grace", "carol"):
            assert not tenant.run("cloud_license_assignment", user=f"{name}@contoso.example", sku="SPE_E5")["failed"]
        assert not tenant.run("cloud_license_assignment", group=group, sku="SPE_E5")["failed"]
        builder = cloud.allotments.by_allotment_id(pool)
        assert (await builder.get()).sku_part_number == "SPE_E5"
        waiting = (await builder.waiting_members.get()).value
        assert len(waiting) == 1
        one = builder.waiting_members.by_waiting_member_id(waiting[0].id)
        assert (await one.get()).waiting_since_date_time
        assert len((await builder.assignments.get()).value) == 5
        assert len((await cloud.assignments.get()).value) > 5
        error = (await cloud.assignment_errors.get()).value[0]
        item = cloud.assignment_errors.by_assignment_error_id(error.id)
        assert (await item.get()).code == "InvalidUsageLocation"
        assert (await item.assigned_to.get()).id == tenant.user_id("ivan")
        assert int(await cloud.allotments.count.get()) == 5
        assert int(await cloud.assignment_errors.count.get()) == 2
        assert int(await cloud.assignments.count.get()) == len((await cloud.assignments.get()).value)
        assert int(await builder.assignments.count.get()) == 5
        assert int(await builder.waiting_members.count.get()) == 1
        await cloud.assignments.microsoft_graph_cloud_licensing_reprocess_assignments.post()
        held = (await builder.assignments.get()).value[0]
        assert (await builder.assignments.by_assignment_id(held.id).get()).id == held.id
        with pytest.raises(BetaError) as caught:
            await cloud.allotments.by_allotment_id("nowhere").get()
        assert "Resource 'nowhere' not found" in caught.value.error.message
        with pytest.raises(BetaError) as caught:
            await builder.delete()
        assert caught.value.response_status_code == 405

    asyncio.run(conversation())
