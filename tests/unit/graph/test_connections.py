# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets a request, and with it the token: proxies, authorities, and an end for every answer."""

from __future__ import annotations

import datetime
import gzip
import ssl
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._graph.certificates import VARIABLES, Trust
from ansible_collections.m365.licensing.plugins.module_utils._graph.clouds import is_direct
from ansible_collections.m365.licensing.plugins.module_utils._graph.credentials import certificate as credential
from ansible_collections.m365.licensing.plugins.module_utils._graph.proxies import proxy_secrets, without_secrets
from ansible_collections.m365.licensing.plugins.module_utils._graph.retry import retry_after
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from support.scripted import NO_SKUS, PROXIES, SKUS, Server, run, skus
from support.tenant import run_module


@pytest.fixture
def proxy():
    server = Server()
    server.reply = lambda *dummy: (200, {}, {"value": [], "access_token": "of.the.proxy", "expires_in": 3600})
    yield server
    server.close()


@pytest.mark.parametrize("name", PROXIES)
def test_no_proxy_gets_what_goes_to_this_machine(bare_graph, proxy, monkeypatch, name):
    monkeypatch.setenv(name, proxy.url)
    assert not skus(bare_graph)["failed"]
    assert bare_graph.seen and not proxy.seen


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("endpoint", [None, "http://identity.example/token"], ids=["the machine's", "the platform's"])
def test_no_proxy_gets_the_token_request_of_a_managed_identity(bare_graph, proxy, monkeypatch, name, endpoint):
    monkeypatch.setenv(name, proxy.url)
    if endpoint:
        monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint)
        monkeypatch.setenv("IDENTITY_HEADER", "made-up")
    result = run_module("sku_info", {"graph_url": bare_graph.url, "auth": "managed_identity", "max_wait": 0, "timeout": 1})
    assert result["failed"]
    assert not proxy.seen
    assert not bare_graph.seen, "no token of anybody else is used"


def test_a_proxy_is_asked_for_everything_else(bare_graph, proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    proxy.reply = lambda *dummy: (407, {}, None)
    result = skus(bare_graph, graph_url="https://bare_graph.example", max_wait=0)
    assert "407" in result["msg"]
    assert proxy.seen == [("CONNECT", "bare_graph.example:443", None)]
    assert "Authorization" not in proxy.headers[0]


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("http://127.0.0.1:5", True), ("https://localhost", True), ("http://[::1]:8", True), ("http://169.254.169.254/metadata", True),
        ("http://[fe80::1]/", True), ("https://graph.microsoft.com", False), ("http://169.255.1.1", False), ("http://10.0.0.1", False),
        ("https://localhost.example", False),
    ],
)  # fmt: skip
def test_what_is_on_this_machine_or_its_link(url, is_ours):
    assert is_direct(url) is is_ours


SECRET = "s3cr3t/p%40ss"


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("shape", ["http://user:{}@proxy.example:3128", "user:{}@proxy.example", "http://user:{}@127.0.0.1:9"])
def test_a_proxys_password_is_shown_nowhere(bare_graph, monkeypatch, name, shape):
    monkeypatch.setenv(name, shape.format(SECRET))
    result = skus(bare_graph, graph_url="https://bare_graph.example", max_wait=0, timeout=2)
    assert result["failed"]
    for part in (SECRET, "s3cr3t", "p@ss", "p%40ss"):
        assert part not in str(result)
    assert {SECRET, "s3cr3t", "s3cr3t/p@ss"} <= proxy_secrets()
    assert without_secrets(f"Failed to parse: user:{SECRET}") == "Failed to parse: ********"


@pytest.mark.parametrize("account", ["ann", "ann:made-up", "svc:c.example"])
def test_an_account_in_a_proxys_address_hides_no_user_name(graph, monkeypatch, account):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{account}@proxy.example:3128")
    result = run(graph)
    assert not result["failed"], result
    assert "ann@c.example" in result["diff"]["after_header"]
    assert "****" not in str(result)


def trickle(wfile) -> None:
    wfile.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
    drip(wfile, b"[")


def trickle_head(wfile) -> None:
    wfile.write(b"HTTP/1.1 200 X\r\nX-Long: ")
    drip(wfile, b"x")


def drip(wfile, sign: bytes) -> None:
    """A byte now and then, until the client has gone."""
    gone = threading.Event()
    try:
        while not gone.wait(0.05):
            wfile.write(sign)
            wfile.flush()
    except OSError:
        gone.set()


@pytest.mark.parametrize("answer", [trickle, trickle_head])
def test_an_answer_that_trickles_has_an_end(bare_graph, answer):
    bare_graph.table[SKUS] = (200, {}, answer)
    result = skus(bare_graph, timeout=0.5, max_wait=0)
    assert "no complete answer" in result["msg"]
    assert "timeout of 0.5 s" in result["msg"]
    assert result["failure"]["retriable"]
    assert len(bare_graph.seen) == 1


DAMAGED = {
    "cut gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"value": []}')[:-14]),
    "no gzip": (200, {"Content-Encoding": "gzip"}, b'{"value": []}'),
    "cut JSON": (200, {}, b'{"value": ['),
    "html": (200, {}, b"<html>"),
    "nothing": (200, {}, b""),
    "a list": (200, {}, b"[]"),
    "not a number": (200, {}, b'{"value": [], "x": NaN}'),
    "deep": (200, {}, b'{"x":' * 100_000),
    "a huge number": (200, {}, b'{"value": [], "x": ' + b"9" * 10_000 + b"}"),
    "not UTF-8": (200, {}, b'{"value": "\xff"}'),
}


@pytest.mark.parametrize("title", DAMAGED)
def test_a_damaged_answer_to_a_read_is_a_lost_one(bare_graph, title):
    bare_graph.table[SKUS] = [DAMAGED[title], NO_SKUS]
    assert not skus(bare_graph)["failed"]
    assert len(bare_graph.seen) == 2
    bare_graph.table[SKUS] = DAMAGED[title]
    result = skus(bare_graph, max_wait=0)
    assert result["failed"] and result["failure"]["retriable"], result
    assert "Traceback" not in str(result)


def test_retry_after_as_a_date(bare_graph):
    now = time.time()
    bare_graph.table[SKUS] = [(429, {"Retry-After": formatdate(now + 61, usegmt=True), "Date": formatdate(now + 60, usegmt=True)}, {}), NO_SKUS]
    began = time.monotonic()
    assert not skus(bare_graph)["failed"]
    assert time.monotonic() - began >= 1, "by the service's own clock"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:08 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 8.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 50.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_a_service_wants_to_be_left_alone(headers, seconds):
    assert retry_after(headers, now=10.0) == seconds


@pytest.mark.parametrize("url", ["https://a..b", "https://" + "a" * 64 + ".example", "https://.example"])
def test_an_address_that_cannot_be_looked_up(bare_graph, url):
    result = skus(bare_graph, graph_url=url)
    assert result["msg"].startswith(f"graph_url is {url!r}")


@pytest.mark.parametrize("seconds", [1e300, float("inf"), -1, 86_401])
@pytest.mark.parametrize("option", ["timeout", "max_wait"])
def test_seconds_have_bounds(bare_graph, option, seconds):
    assert f"{option} is" in skus(bare_graph, **{option: seconds})["msg"]
    assert not bare_graph.seen


def test_the_authorities_of_the_environment_are_heeded_and_named(tenant, monkeypatch, tmp_path):
    ca = tenant.options.pop("ca_path")
    ask = {"user": "erin@contoso.example", "usage_location": "SE"}
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    for name in VARIABLES[:3]:
        for other in VARIABLES:
            monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(name, ca)
        assert not tenant.run("user_assign_license", **ask)["failed"], name
        for wrong in ("/nowhere.pem", str(empty)):
            monkeypatch.setenv(name, wrong)
            assert f"the environment variable {name}" in tenant.run("user_assign_license", **ask)["msg"]
        assert not tenant.run("user_assign_license", **ask, ca_path=ca)["failed"], "the option wins"


def test_openssls_folders_are_a_list_and_what_is_not_there_is_passed_over(tenant, monkeypatch, tmp_path):
    ca = Path(tenant.options.pop("ca_path"))
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    made = x509.load_pem_x509_certificate(ca.read_bytes())
    context = ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
    assert context.cert_store_stats()["x509"] >= 1
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere:{tmp_path}")
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    assert not tenant.run("user_assign_license", user="erin@contoso.example", usage_location="SE")["failed"]


CAUSES = {
    "certificate verify failed: certificate has expired (_ssl.c:1)": ("it has expired", "clock"),
    "certificate verify failed: certificate is not yet valid": ("not valid yet", "clock"),
    "certificate verify failed: Hostname mismatch, certificate is not valid for 'x'": ("another name", "address"),
    "certificate verify failed: IP address mismatch, certificate is not valid for '1.1.1.1'": ("another address", "address"),
    "certificate verify failed: self-signed certificate in certificate chain": ("ca_path does not contain its authority", "add its authority there"),
    "certificate verify failed: unable to get local issuer certificate": ("ca_path does not contain its authority", "add its authority there"),
    "certificate verify failed: self-signed certificate": ("it is self-signed", "add its authority there"),
    "certificate verify failed: Basic Constraints of CA cert not marked critical": ("not of the form", "RFC 5280"),
    "certificate verify failed: Missing Authority Key Identifier": ("not of the form", "RFC 5280"),
    "certificate verify failed: something new": ("ca_path does not verify it", "add its authority there"),
}


@pytest.mark.parametrize("reason", CAUSES)
def test_each_cause_of_a_failing_certificate_has_its_own_remedy(reason):
    text = Trust("/ca.pem", "ca_path").meaning(reason)
    assert all(part in text for part in CAUSES[reason]), text
    assert "Give its authority" not in text


def test_without_an_authority_of_ones_own_the_option_is_named():
    assert "set ca_path to its authority" in Trust(True, "the set of authorities of Python's requests").meaning("unable to get local issuer certificate")


def certificate(path, subject: str, issuer: tuple | None, days: tuple[int, int] = (-1, 30), is_critical: bool = False):
    """A certificate and its key, signed by an issuer or by itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer[0].subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=is_critical)
    )
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return made, key


@pytest.mark.skipif(sys.version_info < (3, 13), reason="earlier Pythons do not ask for the letter of RFC 5280")
def test_an_authority_that_was_named_need_not_meet_the_letter_of_rfc_5280(tmp_path):
    certificate(tmp_path / "loose.pem", "Loose", None)
    context = Trust(str(tmp_path / "loose.pem"), "ca_path").context()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_a_renewed_certificate_behind_the_old_one_and_a_block_that_is_none(tmp_path):
    """The newest of the key's own counts, and what else is in the file does no harm."""
    made, key = certificate(tmp_path / "now.pem", "App", None)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "App")])
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=9)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(5)
    expired = builder.not_valid_before(past).not_valid_after(past + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "both.pem").write_bytes(private + broken + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (expired, made)))
    found = credential({"certificate_path": str(tmp_path / "both.pem")})
    assert found["public_certificate"].startswith(made.public_bytes(serialization.Encoding.PEM).decode())


def parts(path) -> list[bytes]:
    """Key and certificate of a file."""
    key, mark, rest = path.read_bytes().partition(b"-----BEGIN CERT")
    return [key, mark + rest]


@pytest.mark.parametrize("password", [None, "needless"])
def test_key_and_certificate_are_matched_whatever_their_order(tenant, tmp_path, password):
    """An authority before the certificate, and a password that the file does not have, as the environment may bring one."""
    authority = certificate(tmp_path / "ca.pem", "Authority", None)[0]
    own = Path(tenant.credentials["certificate_path"]).read_bytes()
    (tmp_path / "app.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM) + own)
    graph = {name: value for name, value in tenant.sign_in.items() if name != "client_secret"}
    tenant.options = {**graph, "certificate_path": str(tmp_path / "app.pem"), **({"certificate_password": password} if password else {})}
    assert not tenant.run("user_assign_license", user="erin@contoso.example", usage_location="SE")["failed"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: (folder / "late.pem").read_bytes(), "expired on"),
        (lambda folder: (folder / "early.pem").read_bytes(), "is valid only from"),
        (lambda folder: parts(folder / "other.pem")[0] + parts(folder / "ca.pem")[1], "no certificate in"),
    ],
    ids=["expired", "not yet valid", "another key's"],
)  # fmt: skip
def test_an_unusable_certificate_is_reported_before_the_sign_in(tenant, tmp_path, make, said):
    ca = certificate(tmp_path / "ca.pem", "Authority", None)
    certificate(tmp_path / "late.pem", "App", ca, (-30, -1))
    certificate(tmp_path / "early.pem", "App", ca, (1, 30))
    certificate(tmp_path / "other.pem", "App", ca)
    (tmp_path / "app.pem").write_bytes(make(tmp_path))
    graph = {name: value for name, value in tenant.sign_in.items() if name != "client_secret"}
    tenant.options = {**graph, "certificate_path": str(tmp_path / "app.pem")}
    result = tenant.run("user_assign_license", user="erin@contoso.example", usage_location="SE")
    assert result["msg"].startswith("certificate_path: ")
    assert said in result["msg"]
    assert not tenant.requests
