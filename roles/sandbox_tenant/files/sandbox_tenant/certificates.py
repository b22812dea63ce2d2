# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the lifetime of one sandbox: those of its authority and its server, and one with which an application signs in."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def make_server_context(folder: Path) -> ssl.SSLContext:
    """Write ca.pem into the folder, and return a context with a certificate of it for loopback names."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Sandbox tenant authority", authority_key.public_key(), authority_key, None, is_authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate("localhost", key.public_key(), authority_key, authority)
    (folder / "ca.pem").write_bytes(_pem(authority))
    private = folder / "server.pem"
    _write_private(private, _key_pem(key) + _pem(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private)
    private.unlink()
    return context


def make_app_certificate(folder: Path, password: str) -> x509.Certificate:
    """Write app.pem, and app.pfx with a password, into the folder, and return the certificate to register."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _certificate("Sandbox application", key.public_key(), key, None)
    _write_private(folder / "app.pem", _key_pem(key) + _pem(certificate))
    packed = pkcs12.serialize_key_and_certificates(b"app", key, certificate, None, BestAvailableEncryption(password.encode()))
    _write_private(folder / "app.pfx", packed)
    return certificate


def _certificate(name, public_key, signing_key, issuer, is_authority=False):
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if is_authority:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.IPAddress(ipaddress.ip_address("::1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def _pem(certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, NoEncryption())


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
