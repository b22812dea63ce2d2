# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credentials of an application, validated here, so that an error names its option instead of quoting a library."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from .._errors import OptionError
from .._files import read_regular


def certificate(params: Mapping) -> dict:
    """Return key and certificates of a PEM or PFX file, in the form for MSAL: the key's own certificate first, then its authorities.

    Raises OptionError for a file that cannot be used, a certificate that is not the key's, and one that is not valid now.
    """
    from cryptography.hazmat.primitives import serialization  # MSAL depends on it, and it is slow to load
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    path, password = params["certificate_path"], params.get("certificate_password")
    content = read_regular(path, "certificate_path")
    key, certificates = _opened(content, path, password)
    if not isinstance(key, RSAPrivateKey) or not certificates:
        raise OptionError(f"certificate_path: {path} must hold an RSA private key and its certificate, both PEM, or be a PFX file")
    numbers = key.public_key().public_numbers()
    own = sorted((one for one in certificates if _numbers_of(one) == numbers), key=lambda one: _times(one)[1], reverse=True)
    if not own:
        raise OptionError(f"certificate_path: no certificate in {path} belongs to the private key in it; put key and certificate of one pair into the file")
    _check_time(own[0], path)
    plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = own + [one for one in certificates if one not in own]
    listed = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    return {"private_key": plain.decode(), "public_certificate": listed.decode()}


def _opened(content: bytes, path: str, password: str | None) -> tuple[Any, list]:
    """Key and certificates of a file. A password for a file without one, as the environment may set it, is ignored."""
    from cryptography.exceptions import UnsupportedAlgorithm

    read = _pem if b"-----BEGIN" in content else _pfx
    for secret in [password.encode("utf-8", "surrogatepass"), None] if password else [None]:
        try:
            return read(content, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
    wrong = "the password does not open it" if password else "it has a password, or is not a PEM or PFX file"
    raise OptionError(f"certificate_path: cannot use {path}: {wrong}; check certificate_password")


def _pem(content: bytes, password: bytes | None) -> tuple[Any, list]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    keys = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", content, re.DOTALL)
    key = load_pem_private_key(keys.group(), password) if keys else None
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", content, re.DOTALL)
    return key, [made for block in blocks if (made := _loaded(block)) is not None]


def _loaded(block: bytes) -> Any:
    """Return one certificate, or None for a block that cannot be read: only the key's own certificate matters."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(block)
    except ValueError:
        return None


def _numbers_of(certificate: Any) -> Any:
    """The numbers of the public key, by which all versions of the library can compare; None for a kind of key that it does not know."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return getattr(certificate.public_key(), "public_numbers", lambda: None)()
    except (UnsupportedAlgorithm, ValueError):
        return None


def _times(certificate: Any) -> tuple[datetime, datetime]:
    """From when to when a certificate is valid, also with versions of the library before 42, which return times without a zone."""
    names = ("not_valid_before", "not_valid_after")
    begin, end = (getattr(certificate, f"{name}_utc", None) or getattr(certificate, name).replace(tzinfo=timezone.utc) for name in names)
    return begin, end


def _pfx(content: bytes, password: bytes | None) -> tuple[Any, list]:
    from cryptography.hazmat.primitives.serialization import pkcs12

    key, certificate, others = pkcs12.load_key_and_certificates(content, password)
    return key, [one for one in (certificate, *others) if one is not None]


def _check_time(own: Any, path: str) -> None:
    """Raises OptionError for a certificate that has expired, or is not valid yet."""
    (begin, end), now = _times(own), datetime.now(timezone.utc)
    if now > end:
        raise OptionError(
            f"certificate_path: the certificate in {path} expired on {end:%Y-%m-%d}; give one that is valid, and register it with the application"
        )
    if now < begin:
        raise OptionError(f"certificate_path: the certificate in {path} is valid only from {begin:%Y-%m-%d}; correct the clock, or give another one")


def workload_identity(params: Mapping) -> dict:
    """Return the token of a trusted identity provider, read again for each use."""
    path = params["federated_token_file"]
    _federated(path)
    return {"client_assertion": lambda: _federated(path)}


def _federated(path: str) -> str:
    try:
        token = read_regular(path, "federated_token_file").decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not token:
        raise OptionError(f"federated_token_file: {path} contains no token; check the program that writes it")
    return token


CREDENTIALS: dict[str, Callable[[Mapping], Any]] = {
    "certificate": certificate,
    "workload_identity": workload_identity,
    "client_secret": lambda params: params["client_secret"],
}
