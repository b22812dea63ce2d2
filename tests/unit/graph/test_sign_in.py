# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is signed in, and what becomes of a run when that changes on the way: nothing that was done is forgotten, no credential is blamed wrongly."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._graph.authentication import _method_of, choose_tokens
from sandbox_tenant.graph import Reply
from support.scripted import skus
from support.seeds import upn
from support.sign_in import az, options_of

OTHER = "99999999-0000-4000-8000-000000000001"
ASK = {"user": "erin@contoso.example", "usage_location": "SE"}


def jwt(**claims) -> str:
    """A token that says something of itself, and that nobody signed."""
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "made-up"])


def test_what_the_task_gives_goes_before_a_token_of_the_environment(tenant, monkeypatch):
    monkeypatch.setenv("MSGRAPH_ACCESS_TOKEN", jwt(tid=OTHER))
    tenant.options = dict(tenant.sign_in)
    assert not tenant.run("user_assign_license", **ASK)["failed"]


def test_a_token_of_the_task_goes_before_credentials_of_the_environment(tenant, monkeypatch):
    monkeypatch.setenv("AZURE_TENANT_ID", OTHER)
    monkeypatch.setenv("AZURE_CLIENT_ID", OTHER)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "made-up")
    monkeypatch.setenv("MSGRAPH_AUTH", "client_secret")
    assert not tenant.run("user_assign_license", **ASK)["failed"]


@pytest.mark.parametrize("tenant_id", [OTHER, OTHER.upper()])
@pytest.mark.parametrize("where", ["task", "environment"])
def test_a_token_of_another_tenant_is_refused(tenant, monkeypatch, where, tenant_id):
    token = tenant.options.pop("access_token")
    if where == "environment":
        monkeypatch.setenv("MSGRAPH_ACCESS_TOKEN", token)
        monkeypatch.setenv("AZURE_TENANT_ID", tenant_id)
        result = tenant.run("user_assign_license", **ASK)
    else:
        result = tenant.run("user_assign_license", **ASK, access_token=token, tenant_id=tenant_id)
    assert f"tenant_id is {tenant_id}, and the token is of tenant" in result["msg"]
    assert not tenant.journal()


def test_a_domain_is_not_compared_and_a_token_need_not_be_readable(bare_graph):
    for token in (jwt(tid=OTHER), "opaque", "a.b.c", jwt(), f"a.{'[' * 10}.c", jwt(tid=5)):
        assert not skus(bare_graph, access_token=token, tenant_id="contoso.example")["failed"]
    assert not skus(bare_graph, access_token="opaque", tenant_id=OTHER)["failed"]


@pytest.mark.parametrize("way", ["managed_identity", "azure_cli"])
def test_every_way_is_held_to_the_tenant_that_is_named(tenant, monkeypatch, tmp_path, way):
    tenant.options = {**options_of(way, tenant, monkeypatch, tmp_path), "tenant_id": OTHER}
    assert "the token is of tenant" in tenant.run("user_assign_license", **ASK)["msg"]
    assert not tenant.journal()


@pytest.mark.parametrize("answer", ['{"accessToken": null}', '{"accessToken": 5}', '{"accessToken": "a b"}', "[]", "5"])
def test_the_azure_cli_answers_without_a_token(tenant, monkeypatch, tmp_path, answer):
    tenant.options = options_of("azure_cli", tenant, monkeypatch, tmp_path)
    az(tmp_path, f"print({answer!r})")
    assert "without an accessToken" in tenant.run("user_assign_license", **ASK)["msg"]
    assert not tenant.journal()


NEEDS = {
    "access_token": ("access_token",),
    "certificate": ("tenant_id", "client_id", "certificate_path"),
    "workload_identity": ("tenant_id", "client_id", "federated_token_file"),
    "client_secret": ("tenant_id", "client_id", "client_secret"),
}


@pytest.mark.parametrize(("mine", "theirs"), list(itertools.permutations(NEEDS, 2)))
def test_a_whole_way_of_the_task_goes_before_any_of_the_environment(tmp_path, mine, theirs):
    """Which class is chosen is seen by what it complains of, as no file and no library is there."""
    params = {"max_wait": 0, **{name: name if name == "tenant_id" else f"/nowhere/{name}" for way in (mine, theirs) for name in NEEDS[way]}}
    chosen = {}
    for way, given in ((mine, NEEDS[mine]), (theirs, NEEDS[theirs])):
        try:
            source = choose_tokens(params, _Cloud(), None, None, given)
            chosen[way] = type(source).__name__
        except Exception as error:
            chosen[way] = str(error).partition(":")[0]
    expected = {"access_token": "ReadyToken", "certificate": "certificate_path", "workload_identity": "federated_token_file", "client_secret": "MsalTokens"}
    assert chosen == {way: expected[way] for way in (mine, theirs)}


class _Cloud:
    """As much of a cloud as is looked at."""

    resource = authority_url = "https://x.example"


# what the task gives, what the environment gives, the way that is chosen
MIXED = [
    ({"client_id"}, {"auth": "managed_identity", "access_token": "t"}, "managed_identity"),
    ({"client_id"}, {"auth": "managed_identity", "federated_token_file": "f", "tenant_id": "t"}, "managed_identity"),
    ({"tenant_id"}, {"auth": "azure_cli", "client_id": "c", "client_secret": "s"}, "azure_cli"),
    ({"tenant_id"}, {"auth": "access_token", "access_token": "t", "client_id": "c", "client_secret": "s"}, "access_token"),
    ({"tenant_id", "client_id"}, {"auth": "client_secret", "client_secret": "s", "certificate_path": "p"}, "client_secret"),
    ({"tenant_id"}, {"access_token": "t", "client_id": "c", "client_secret": "s"}, "client_secret"),
    ({"tenant_id"}, {"access_token": "t", "client_id": "c"}, "access_token"),
    ({"tenant_id", "client_id"}, {"access_token": "t", "client_secret": "s"}, "client_secret"),
    ({"client_secret"}, {"auth": "managed_identity", "tenant_id": "t", "client_id": "c"}, "client_secret"),
    ({"access_token"}, {"auth": "azure_cli"}, "access_token"),
    ({"auth", "tenant_id"}, {"access_token": "t"}, "task's own"),
]


@pytest.mark.parametrize(("given", "environment", "expected"), MIXED)
def test_who_signs_in_is_no_surprise(given, environment, expected):
    own = {name: "azure_cli" if name == "auth" else "x" for name in given}
    assert _method_of({**environment, **own}, given) == ("azure_cli" if expected == "task's own" else expected)


REFUSED = (401, {}, {"error": {"code": "InvalidAuthenticationToken", "message": "Lifetime validation failed, the token is expired."}})


def app(tenant) -> None:
    tenant.options = {**tenant.sign_in, "max_wait": 2}


def answer_tokens(tenant, monkeypatch, path: str, status: int, body, after: int = 0) -> None:
    """From some request on, the sign-in service answers so on a path."""
    service = tenant.sandbox.service
    asked, own = itertools.count(1), service._identity

    def answer(method, target, *rest):
        return Reply(status, body) if path in target and next(asked) > after else own(method, target, *rest)

    monkeypatch.setattr(service, "_identity", answer)


def end_credentials(tenant, monkeypatch, after: int) -> None:
    """From some token request on, the sign-in service says that the secret has expired."""
    body = {"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired."}
    answer_tokens(tenant, monkeypatch, "oauth2/v2.0/token", 401, body, after)


@pytest.mark.parametrize("body", [{"error": "temporarily_unavailable", "error_description": "AADSTS90033: A transient error has occurred."}])
def test_a_transient_error_of_the_sign_in_service_is_retriable(tenant, monkeypatch, body):
    app(tenant)
    answer_tokens(tenant, monkeypatch, "oauth2/v2.0/token", 400, body)
    assert tenant.run("user_assign_license", **ASK)["failure"]["code"] == "sign_in_unavailable"


def test_what_a_batch_has_written_is_not_forgotten_when_no_token_can_be_had(tenant, monkeypatch):
    app(tenant)
    end_credentials(tenant, monkeypatch, after=1)
    tenant.fault("assignLicense", status=401, code="InvalidAuthenticationToken", message="expired")
    result = tenant.run("user_assign_license", user=upn("carol"), usage_location="FR", licenses={"remove": ["SPE_E3"]})
    assert result["failed"]
    assert [row["action"] for row in result["changes"]] == ["set_usage_location"]
    assert result["changed"]
    assert tenant.state()["users"][upn("carol")]["usage_location"] == "FR"


def test_what_a_list_has_written_is_not_forgotten_when_no_token_can_be_had(tenant, monkeypatch, tmp_path):
    app(tenant)
    end_credentials(tenant, monkeypatch, after=1)
    tenant.fault("assignLicense", status=401, code="InvalidAuthenticationToken", message="expired", skip=2)
    users = [{"user": upn(name)} for name in ("bob", "carol", "dave")]
    report = tmp_path / "report"
    result = tenant.run("users_assign_license", users=users, licenses={"remove": ["SPE_E3"]}, report_path=str(report), concurrency=1)
    assert result["summary"] == {**result["summary"], "changed": 2, "failed": 1}
    assert [json.loads(line)["outcome"] for line in report.read_text().splitlines()[1:]].count("changed") == 2
    assert sum(tenant.holds(name).get("SPE_E3") is None for name in ("bob", "carol", "dave")) == 2


def test_one_who_is_not_let_in_does_not_make_the_others_give_up(tenant):
    app(tenant)
    tenant.fault("users/erin", status=401, code="InvalidAuthenticationToken", message="expired")
    tenant.fault("subscribedSkus", status=429, code="TooManyRequests", headers={"Retry-After": "0.2"})
    assert not tenant.run("user_assign_license", **ASK)["failed"]


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 505, 429])
@pytest.mark.parametrize("path", ["oauth2/v2.0/token", "openid-configuration"])
def test_a_sign_in_service_that_fails_says_nothing_of_the_credential(tenant, path, status):
    app(tenant)
    tenant.options["max_wait"] = 0.1
    tenant.fault(path, status=status, times=99, code="x", message="")
    result = tenant.run("user_assign_license", **ASK)
    assert result["failure"] == {**result["failure"], "code": "sign_in_unavailable", "retriable": True}, result
    assert "\n" not in result["msg"] and "Traceback" not in str(result)
    tenant.clear_faults()
    tenant.options["max_wait"] = 10
    tenant.fault(path, status=status, times=1, code="x", message="")
    assert not tenant.run("user_assign_license", **ASK)["failed"], "tried again"


def test_a_sign_in_service_that_fails_in_the_middle_loses_no_results(tenant):
    app(tenant)
    tenant.options["max_wait"] = 0.2
    tenant.fault("oauth2/v2.0/token", method="POST", skip=1, times=99, status=503, code="x", message="")
    tenant.fault("assignLicense", status=401, code="InvalidAuthenticationToken", message="expired", skip=2)
    users = [{"user": upn(name)} for name in ("bob", "carol", "dave")]
    result = tenant.run("users_assign_license", users=users, licenses={"remove": ["SPE_E3"]}, concurrency=1)
    assert result["summary"] == {**result["summary"], "changed": 2, "failed": 1}
    assert result["failure"]["code"] == "ended"


ODD = {
    "an empty discovery": ("openid-configuration", {}),
    "a list for a discovery": ("openid-configuration", []),
    "a list for a token": ("oauth2/v2.0/token", [1]),
    "a number for a token": ("oauth2/v2.0/token", {"access_token": 5}),
    "a line break in a token": ("oauth2/v2.0/token", {"access_token": "a\nb", "expires_in": 3600}),
    "no life": ("oauth2/v2.0/token", {"access_token": "a", "expires_in": "soon"}),
    "a page": ("oauth2/v2.0/token", b"<html>"),
    "a cut answer": ("oauth2/v2.0/token", b'{"access_token": "a'),
    "a text": ("oauth2/v2.0/token", "x"),
}


@pytest.mark.parametrize("title", ODD)
def test_a_sign_in_service_that_answers_in_another_form(tenant, monkeypatch, title):
    app(tenant)
    path, body = ODD[title]
    answer_tokens(tenant, monkeypatch, path, 200, body)
    result = tenant.run("user_assign_license", **ASK)
    assert result["failed"]
    assert "Traceback" not in str(result)
    if isinstance(body, bytes):
        assert result["failure"]["code"] == "sign_in_unavailable", "no answer of the service itself"


def test_threads_share_one_renewal(tenant):
    app(tenant)
    tenant.run("users_assign_license", users=[{"user": upn("bob"), "usage_location": "DE"}])
    tenant.forget()
    tenant.conditions({"delay": 0.05})
    names = list(tenant.state()["users"])
    tenant.fault("assignLicense", action="revoke_tokens", skip=0)
    result = tenant.run("users_assign_license", users=[{"user": name, "usage_location": "DE"} for name in names], concurrency=8)
    assert not result["failed"], result
    tokens = [entry for entry in tenant.requests if entry["path"].endswith("/token")]
    assert len(tokens) <= 2


@pytest.mark.parametrize("life", [60, 119])
def test_a_short_token_serves_more_than_one_request(tenant, monkeypatch, life):
    app(tenant)
    monkeypatch.setattr(tenant.identity, "_lifetime", life)
    assert not tenant.run("user_license_info")["failed"]
    tokens = [entry for entry in tenant.requests if entry["path"].endswith("/token")]
    assert len(tenant.journal()) > 1
    assert len(tokens) == 1


def test_a_new_token_of_a_managed_identity_reaches_the_cache(tenant, monkeypatch, tmp_path):
    tenant.options = {**options_of("managed_identity", tenant, monkeypatch, tmp_path), "token_cache": str(tmp_path / "cache")}
    assert not tenant.run("user_assign_license", **ASK)["failed"]
    tenant.identity.revoke()
    for expected in (1, 0):
        tenant.forget()
        result = tenant.run("user_assign_license", **ASK)
        assert not result["failed"], result
        tokens = [entry for entry in tenant.requests if entry["path"] == "/msi/token"]
        assert len(tokens) == expected
