# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an application signs in with, read and checked here, so that a fault names its option and not a library's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .._errors import OptionError


def certificate(params: Mapping) -> dict:
    """Key and certificate of a PEM or PFX file, in the form that MSAL wants; read here, so that a fault names its option."""
    from cryptography.hazmat.primitives import serialization  # MSAL brings it, and it is slow to load
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    path, password = params["certificate_path"], params.get("certificate_password")
    content, secret = read_file(path, "certificate_path"), password.encode() if password else None
    try:
        key, certificates = _pem(content, secret) if b"-----BEGIN" in content else _pfx(content, secret)
    except (ValueError, TypeError):
        wrong = "the password does not open it" if password else "it has a password, or is no PEM or PFX file"
        raise OptionError(f"certificate_path: cannot use {path}: {wrong}; check certificate_password") from None
    if not isinstance(key, RSAPrivateKey) or not certificates:
        raise OptionError(f"certificate_path: {path} must hold an RSA private key and its certificate, both PEM, or be a PFX file")
    plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"private_key": plain.decode(), "public_certificate": certificates}


def _pem(content: bytes, password: bytes | None) -> tuple[Any, str]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    certificates = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", content, re.DOTALL)
    keys = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", content, re.DOTALL)
    key = load_pem_private_key(keys.group(), password) if keys else None
    return key, b"\n".join(certificates).decode("ascii", "replace")


def _pfx(content: bytes, password: bytes | None) -> tuple[Any, str]:
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    key, certificate, dummy = pkcs12.load_key_and_certificates(content, password)
    return key, certificate.public_bytes(Encoding.PEM).decode() if certificate else ""


def workload_identity(params: Mapping) -> dict:
    """The token of a trusted identity provider, read anew for each use."""
    path = params["federated_token_file"]
    _federated(path)
    return {"client_assertion": lambda: _federated(path)}


def _federated(path: str) -> str:
    try:
        token = read_file(path, "federated_token_file").decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not token:
        raise OptionError(f"federated_token_file: {path} holds no token; check what writes it")
    return token


def read_file(path: str, option: str) -> bytes:
    """The content of a file that an option names. Raises OptionError when it cannot be read."""
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError as error:
        raise OptionError(f"{option}: cannot read {path}: {error.strerror}; name a file that this user can read") from None


CREDENTIALS: dict[str, Callable[[Mapping], Any]] = {
    "certificate": certificate,
    "workload_identity": workload_identity,
    "client_secret": lambda params: params["client_secret"],
}
