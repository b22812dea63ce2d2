# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to authenticate, through MSAL's own classes, and what each says when it cannot."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.sign_in import az, options_of

ASK = {"user": "erin@contoso.example", "usage_location": "SE"}
WAYS = ["access_token", "client_secret", "certificate", "certificate_pfx", "workload_identity", "managed_identity", "azure_cli"]


@pytest.mark.parametrize("way", WAYS)
def test_way(tenant, monkeypatch, tmp_path, way):
    tenant.options = options_of(way, tenant, monkeypatch, tmp_path)
    result = tenant.run("user_assign_license", **ASK)
    assert not result["failed"], result
    assert result["user"]["user_principal_name"] == ASK["user"]


@pytest.mark.parametrize("way", ["client_secret", "certificate", "workload_identity", "managed_identity"])
def test_a_token_that_ends_in_the_middle_is_renewed(tenant, monkeypatch, tmp_path, way):
    tenant.options = options_of(way, tenant, monkeypatch, tmp_path)
    tenant.fault("batch", action="expire_token", skip=1)
    result = tenant.run("user_assign_license", user="carol@contoso.example", usage_location="FR", licenses={"remove": ["SPE_E3"]})
    assert result["changed"] and not result["failed"], result
    assert tenant.holds("carol") == {}


@pytest.mark.parametrize(
    "environment",
    [
        {"AZURE_TENANT_ID": "tenant_id", "AZURE_CLIENT_ID": "client_id", "AZURE_CLIENT_SECRET": "client_secret"},
        {"AZURE_TENANT": "tenant_id", "AZURE_CLIENT_ID": "client_id", "AZURE_SECRET": "client_secret"},
    ],
    ids=["azure identity's names", "awx's names"],
)
def test_the_environment_signs_in(tenant, monkeypatch, environment):
    graph = tenant.sign_in
    for name, option in environment.items():
        monkeypatch.setenv(name, graph[option])
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", "")
    monkeypatch.setenv("MSGRAPH_URL", graph["graph_url"])
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", graph["authority_url"])
    monkeypatch.setenv("MSGRAPH_CA_PATH", graph["ca_path"])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    tenant.options = {}
    blanks = dict.fromkeys(("client_secret", "tenant_id", "access_token", "auth", "cloud", "graph_url", "user_id"), "")
    del blanks["user_id"]
    assert not tenant.run("user_assign_license", **ASK, **blanks)["failed"]


def test_a_netrc_file_does_not_replace_the_token(tenant, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert not tenant.run("user_assign_license", **ASK)["failed"]


def test_a_proxy_is_not_asked_for_loopback(tenant, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert not tenant.run("user_assign_license", **ASK)["failed"]


def test_the_token_cache_is_private_and_saves_the_second_token(tenant, tmp_path):
    tenant.options = {**tenant.sign_in, "token_cache": str(tmp_path / "cache.json")}
    for expected in (2, 0):
        tenant.forget()
        assert not tenant.run("user_assign_license", **ASK)["failed"]
        asked = [entry for entry in tenant.requests if not entry["path"].startswith(("/v1.0", "/beta"))]
        tokens = [entry for entry in asked if entry["method"] == "POST"]
        assert len(tokens) == min(expected, 1)
    assert stat.S_IMODE((tmp_path / "cache.json").stat().st_mode) == 0o600
    (tmp_path / "cache.json").chmod(0o644)
    assert not tenant.run("user_assign_license", **ASK)["failed"]
    assert stat.S_IMODE((tmp_path / "cache.json").stat().st_mode) == 0o600, "narrowed"


def test_the_token_endpoint_is_tried_again(tenant):
    tenant.options = dict(tenant.sign_in)
    tenant.fault("oauth2", status=503, headers={"Retry-After": "0.1"})
    tenant.fault("openid-configuration", status=429, headers={"Retry-After": "0.1"})
    assert not tenant.run("user_assign_license", **ASK)["failed"]


# title: (the way, options changed, what the message says); {tmp} is an empty folder
FAILURES = {
    "wrong secret": ("client_secret", {"client_secret": "made-up-and-wrong"}, "AADSTS7000215"),
    "wrong client": ("client_secret", {"client_id": "00000000-0000-4000-8000-000000000000"}, "AADSTS700016"),
    "wrong tenant": ("client_secret", {"tenant_id": "elsewhere.example"}, "elsewhere.example"),
    "expired token": ("access_token", {"access_token": "{expired}"}, "the token is expired: give a fresh access_token"),
    "token with a blank": ("access_token", {"access_token": "Bearer abc"}, "without 'Bearer'"),
    "no certificate file": ("certificate", {"certificate_path": "{tmp}/none.pem"}, "certificate_path: cannot read"),
    "certificate without key": ("certificate", {"certificate_path": "{ca}"}, "must hold an RSA private key and its certificate"),
    "wrong PFX password": ("certificate_pfx", {"certificate_password": "wrong"}, "certificate_path: cannot use"),
    "no PFX password": ("certificate_pfx", {"certificate_password": ""}, "check certificate_password"),
    "no PFX at all": ("certificate", {"certificate_path": "{ready}"}, "certificate_path: cannot use"),
    "elliptic key": ("certificate", {"certificate_path": "{elliptic}"}, "must hold an RSA private key"),
    "empty federated token": ("workload_identity", {"federated_token_file": "{empty}"}, "federated_token_file: "),
    "a cache that is none": ("client_secret", {"token_cache": "{list}"}, "token_cache: "),
    "no federated token": ("workload_identity", {"federated_token_file": "{tmp}/none.jwt"}, "federated_token_file: cannot read"),
    "secret without tenant": ("client_secret", {"auth": "client_secret", "tenant_id": ""}, "needs tenant_id (AZURE_TENANT_ID) as well"),
    "no credential": (
        "client_secret",
        {"client_secret": ""},
        "tenant_id and client_id are given, and a credential is missing: give one of client_secret (AZURE_CLIENT_SECRET)",
    ),
    "nothing": (
        "client_secret",
        {"client_secret": "", "tenant_id": "", "client_id": ""},
        "no credentials are given: give tenant_id (AZURE_TENANT_ID) and client_id (AZURE_CLIENT_ID) and one of client_secret",
    ),
    "no tenant": ("client_secret", {"tenant_id": ""}, "client_secret is given, and tenant_id (AZURE_TENANT_ID) is missing"),
    "a secret alone": ("client_secret", {"tenant_id": "", "client_id": ""}, "client_secret needs tenant_id (AZURE_TENANT_ID) and client_id (AZURE_CLIENT_ID)"),
    "authority over http, on this machine": ("client_secret", {"authority_url": "http://127.0.0.1:9"}, "unencrypted HTTP"),
    "tenant that is none": ("client_secret", {"tenant_id": "a b?/c"}, "tenant_id is 'a b?/c'"),
    "authority over http": ("client_secret", {"authority_url": "http://login.example"}, "unencrypted HTTP"),
}


@pytest.mark.parametrize("title", FAILURES)
def test_failure_in_one_sentence(tenant, monkeypatch, tmp_path, title):
    way, changed, said = FAILURES[title]
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = {"elliptic": elliptic + Path(tenant.ready_token["ca_path"]).read_bytes(), "empty": b"\n", "list": b"[]", "ready": b"{}"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    values = {
        **{name: tmp_path / name for name in files},
        "tmp": tmp_path,
        "ca": tenant.ready_token["ca_path"],
        "expired": tenant.credentials["expired_access_token"],
    }
    tenant.options = {**options_of(way, tenant, monkeypatch, tmp_path), **{name: value.format(**values) for name, value in changed.items()}}
    result = tenant.run("user_assign_license", **ASK)
    assert result["failed"]
    assert said in result["msg"]
    assert "\n" not in result["msg"]
    assert "Traceback" not in str(result)
    assert not tenant.writes()


@pytest.mark.parametrize(
    ("body", "said"),
    [("sys.exit('Please run az login')", "Please run az login"), ("print('not json')", "without an accessToken")],
    ids=["signed out", "nonsense"],
)
def test_the_azure_cli_fails(tenant, monkeypatch, tmp_path, body, said):
    tenant.options = options_of("azure_cli", tenant, monkeypatch, tmp_path)
    az(tmp_path, body)
    assert said in tenant.run("user_assign_license", **ASK)["msg"]


def test_what_the_azure_cli_says_of_a_proxy_shows_no_password(tenant, monkeypatch, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:made-up-word@proxy.example:3128")
    tenant.options = options_of("azure_cli", tenant, monkeypatch, tmp_path)
    az(tmp_path, "sys.exit('Cannot connect to proxy http://user:made-up-word@proxy.example:3128')")
    said = tenant.run("user_assign_license", **ASK)["msg"]
    assert "Cannot connect to proxy" in said
    assert "made-up-word" not in said


def test_there_is_no_azure_cli(tenant, monkeypatch, tmp_path):
    tenant.options = options_of("azure_cli", tenant, monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert "no az command on PATH" in tenant.run("user_assign_license", **ASK)["msg"]


def test_a_managed_identity_that_is_not_there(tenant, monkeypatch, tmp_path):
    tenant.options = options_of("managed_identity", tenant, monkeypatch, tmp_path)
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    assert "no token: " in tenant.run("user_assign_license", **ASK)["msg"]


def test_missing_permission_is_said_with_its_request_id(tenant):
    graph, credentials = tenant.sign_in, tenant.credentials
    tenant.options = {**graph, "client_id": credentials["reader_client_id"], "client_secret": credentials["reader_client_secret"]}
    result = tenant.run("user_assign_license", user="carol@contoso.example", licenses={"remove": ["SPE_E3"]})
    assert result["failure"]["status"] == 403
    assert result["failure"]["request_id"] in result["msg"]
    assert not result["changed"]
