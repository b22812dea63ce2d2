# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity service: OpenID discovery, the token endpoint, managed identity, and the tokens that Graph then checks."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .errors import Rejection, rejection

GRAPH = "https://graph.microsoft.com"
FEDERATED_ISSUER = "https://ci.contoso.example"
FEDERATED_SUBJECT = "repo:contoso/infra"
FEDERATED_AUDIENCE = "api://AzureADTokenExchange"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class IdentityError(Exception):
    """An error of the token endpoint."""

    def __init__(self, code: str, description: str, status: int = 401) -> None:
        super().__init__(description)
        self.code, self.description, self.status = code, description, status


class Identity:
    """Issues and checks tokens for one tenant. Every secret is generated at start."""

    def __init__(self, tenant_id: str, apps: list[dict], lifetime: int) -> None:
        self.tenant_id, self._lifetime = tenant_id, lifetime
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._apps = {app["client_id"]: dict(app, secret=secrets.token_urlsafe(24)) for app in apps}
        self.identity_header = secrets.token_urlsafe(24)
        self.certificate: x509.Certificate | None = None
        self._known: dict[str, dict] = {}
        self._ended: set[str] = set()
        self._serial = self._revoked = 0

    def secret_of(self, client_id: str) -> str:
        """The client secret of an application."""
        return self._apps[client_id]["secret"]

    def discovery(self, base: str) -> dict:
        """The OpenID configuration."""
        root = f"{base}/{self.tenant_id}"
        return {
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict:
        """The public key that tokens are signed with."""
        numbers = self._key.public_key().public_numbers()
        return {"keys": [{"kty": "RSA", "use": "sig", "kid": "sandbox", "n": _number(numbers.n), "e": _number(numbers.e)}]}

    def token(self, form: dict[str, str], token_url: str) -> dict:
        """The answer of the token endpoint to a client credentials grant."""
        if form.get("grant_type") != "client_credentials":
            raise IdentityError("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.", 400)
        app = self._apps.get(form.get("client_id", "").lower())
        if app is None:
            raise IdentityError("unauthorized_client", f"AADSTS700016: Application with identifier '{form.get('client_id')}' was not found.", 400)
        if form.get("client_assertion_type") == _ASSERTION_TYPE:
            self._check_assertion(form.get("client_assertion", ""), app, token_url)
        elif not secrets.compare_digest(form.get("client_secret", "").encode(), app["secret"].encode()):
            raise IdentityError("invalid_client", "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent is the client secret value.")
        if form.get("scope") != f"{GRAPH}/.default":
            raise IdentityError("invalid_scope", f"AADSTS70011: The provided value for the input parameter 'scope' is not valid: {form.get('scope')}.", 400)
        return {"token_type": "Bearer", "expires_in": self._lifetime, "ext_expires_in": self._lifetime, "access_token": self.app_token(app["client_id"])}

    def managed_identity(self, headers: dict[str, str], query: dict[str, str]) -> dict:
        """The answer of the App Service endpoint for managed identities."""
        if headers.get("x-identity-header") != self.identity_header or query.get("resource") != GRAPH:
            raise IdentityError("invalid_request", "the identity header or the resource is wrong", 400)
        client_id = query.get("client_id") or next(iter(self._apps))
        if client_id not in self._apps:
            raise IdentityError("invalid_request", "no managed identity of this client id", 400)
        return {"access_token": self.app_token(client_id), "expires_on": str(int(time.time()) + self._lifetime), "resource": GRAPH, "token_type": "Bearer"}

    def app_token(self, client_id: str, lifetime: int | None = None) -> str:
        """A token of an application."""
        app = self._apps[client_id]
        return self._issue({"idtyp": "app", "appid": client_id, "oid": app["object_id"], "roles": app["permissions"]}, lifetime)

    def user_token(self, user_id: str, scopes: list[str], lifetime: int | None = None) -> str:
        """A token of a signed-in user."""
        return self._issue({"idtyp": "user", "appid": next(iter(self._apps)), "oid": user_id, "scp": " ".join(scopes)}, lifetime)

    def federated_token(self) -> str:
        """A token of the trusted identity provider, for workload identity federation."""
        now = int(time.time())
        claims = {"iss": FEDERATED_ISSUER, "sub": FEDERATED_SUBJECT, "aud": FEDERATED_AUDIENCE, "iat": now, "exp": now + 86400}
        return _sign(self._key, {"alg": "RS256", "typ": "JWT", "kid": "ci"}, claims)

    def claims(self, authorization: str | None) -> dict:
        """The claims of the token that a request to Graph carries, or an error."""
        if not authorization or not authorization.lower().startswith("bearer "):
            raise rejection("no_token")
        token = authorization[7:].strip()
        claims = self._known.get(token)
        if claims is None:
            try:
                claims = _verified(token, self._key.public_key())[1]
                if not isinstance(claims, dict) or not {"exp", "serial"} <= claims.keys():
                    raise ValueError("claims")
            except (ValueError, InvalidSignature, AttributeError):
                raise rejection("bad_token") from None
            self._known[token] = claims
        if claims["exp"] <= time.time() or token in self._ended:
            raise rejection("E19")
        if claims["serial"] <= self._revoked:
            raise self._challenge()
        if claims.get("aud") != GRAPH:
            raise rejection("bad_audience")
        return claims

    def end(self, authorization: str | None) -> None:
        """End a token before it expires."""
        self._ended.add((authorization or "")[7:].strip())

    def revoke(self) -> None:
        """Revoke every token issued so far. Graph then asks for a new one with claims (graph-contract E20)."""
        self._revoked = self._serial

    def pardon(self) -> None:
        """Make every token valid again until it expires."""
        self._ended.clear()
        self._revoked = 0

    def _challenge(self) -> Rejection:
        error = rejection("E20")
        wanted = base64.b64encode(json.dumps({"access_token": {"nbf": {"essential": True, "value": str(int(time.time()))}}}).encode()).decode()
        error.headers = {
            "WWW-Authenticate": f'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
            f'client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="{wanted}"'
        }
        return error

    def _issue(self, claims: dict, lifetime: int | None) -> str:
        now = int(time.time())
        end = now + (self._lifetime if lifetime is None else lifetime)
        full = {"aud": GRAPH, "iss": f"https://sts.windows.net/{self.tenant_id}/", "tid": self.tenant_id, "iat": now, "nbf": now, "exp": end, **claims}
        self._serial += 1
        return _sign(self._key, {"alg": "RS256", "typ": "JWT", "kid": "sandbox"}, {**full, "serial": self._serial})

    def _check_assertion(self, assertion: str, app: dict, token_url: str) -> None:
        """A client assertion: signed by the registered certificate, or by the trusted identity provider."""
        try:
            issuer = _decoded(assertion)[1].get("iss")
            is_federated = issuer == FEDERATED_ISSUER
            key: Any = self._key.public_key() if is_federated else self.certificate.public_key() if self.certificate else None
            header, claims = _verified(assertion, key)
        except (ValueError, InvalidSignature, AttributeError):
            raise IdentityError("invalid_client", "AADSTS700027: The certificate with identifier used to sign the client assertion is not valid.") from None
        expected = (
            {"sub": FEDERATED_SUBJECT, "aud": FEDERATED_AUDIENCE} if is_federated else {"iss": app["client_id"], "sub": app["client_id"], "aud": token_url}
        )
        if any(claims.get(name) != value for name, value in expected.items()):
            raise IdentityError("invalid_client", "AADSTS700213: No matching federated identity record found for presented assertion.")
        if not is_federated and not self._names_certificate(header):
            raise IdentityError("invalid_client", "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered.")
        if claims.get("exp", 0) <= time.time():
            raise IdentityError("invalid_client", "AADSTS700024: Client assertion is not within its valid time range.")

    def _names_certificate(self, header: dict) -> bool:
        """Whether an assertion's header holds the thumbprint of the registered certificate."""
        if self.certificate is None:
            return False
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        said = {header[name].rstrip("=") for name in ("x5t#S256", "x5t") if name in header}
        return bool(said & {_encode(hashlib.sha256(der).digest()), _encode(hashlib.sha1(der).digest())})


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value: int) -> str:
    return _encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _sign(key: rsa.RSAPrivateKey, header: dict, claims: dict) -> str:
    signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
    return f"{signed}.{_encode(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _decoded(token: str) -> tuple[dict, dict]:
    header, claims, dummy = token.split(".")
    return json.loads(_decode(header)), json.loads(_decode(claims))


def _verified(token: str, key: Any) -> tuple[dict, dict]:
    """Header and claims of a token whose signature is right; RS256 or PS256."""
    header, claims = _decoded(token)
    signed, dummy, signature = token.rpartition(".")
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    how = {"RS256": padding.PKCS1v15(), "PS256": pss}.get(str(header.get("alg")))
    if how is None:
        raise ValueError("algorithm")
    key.verify(_decode(signature), signed.encode(), how, hashes.SHA256())
    return header, claims
