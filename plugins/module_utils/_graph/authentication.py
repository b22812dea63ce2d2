# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose how to get a token, by the options of the task and of the environment (graph-contract 9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from .._errors import OptionError
from .clouds import Cloud
from .credentials import CREDENTIALS
from .msal_library import RetryingHttp, load_msal
from .tokens import AzureCli, MsalTokens, ReadyToken
from .transport import Transport

METHODS = ("access_token", "certificate", "workload_identity", "client_secret", "managed_identity", "azure_cli")
_NEEDS = {
    "access_token": ("access_token",),
    "certificate": ("tenant_id", "client_id", "certificate_path"),
    "workload_identity": ("tenant_id", "client_id", "federated_token_file"),
    "client_secret": ("tenant_id", "client_id", "client_secret"),
}
_CREDENTIALS = ("access_token", "certificate_path", "federated_token_file", "client_secret")
_VARIABLES = {  # of the environment, by option
    "tenant_id": "AZURE_TENANT_ID",
    "client_id": "AZURE_CLIENT_ID",
    "client_secret": "AZURE_CLIENT_SECRET",
    "certificate_path": "AZURE_CLIENT_CERTIFICATE_PATH",
    "federated_token_file": "AZURE_FEDERATED_TOKEN_FILE",
    "access_token": "MSGRAPH_ACCESS_TOKEN",
}
_TENANT = re.compile(r"[\w.-]+")


def choose_tokens(params: Mapping, cloud: Cloud, transport: Transport, run_command: Callable, given: Collection[str] = ()) -> Any:
    """Return the source of tokens that the options select. Raises OptionError when they are incomplete, and for an access token of another tenant.

    run_command runs a program and returns status, output and errors, as AnsibleModule's does. given are the options that the task itself sets;
    the others are of the environment, and never take precedence.
    """
    method = _method_of(params, given)
    missing = [option for option in _NEEDS.get(method, ()) if not params.get(option)]
    if missing:
        raise OptionError(f"auth is {method}, which needs {_named(missing)} as well")
    tenant = params.get("tenant_id")
    if tenant and not _TENANT.fullmatch(tenant):
        raise OptionError(f"tenant_id is {tenant!r}: give the id of the tenant, or one of its domains")
    if method == "access_token":
        is_foreign = "access_token" in given and "tenant_id" not in given  # a tenant of the environment does not apply to a token of the task
        return ReadyToken(params["access_token"], None if is_foreign else tenant)
    if method == "azure_cli":
        return AzureCli(cloud, tenant, run_command)
    is_identity = method == "managed_identity"
    http, cache_path = RetryingHttp(transport, params["max_wait"], no_proxy=is_identity), params.get("token_cache")
    if is_identity:
        return MsalTokens(
            lambda cache: _managed_identity(params, cache, http),
            lambda app, dummy: app.acquire_token_for_client(resource=cloud.resource),
            http,
            cache_path,
            tenant,
            is_ambient=True,
        )
    credential = CREDENTIALS[method](params)
    scopes = [f"{cloud.resource}/.default"]
    return MsalTokens(
        lambda cache: _application(params, cloud, credential, cache, http),
        lambda app, claims: app.acquire_token_for_client(scopes, claims_challenge=claims),
        http,
        cache_path,
        tenant,
    )


def _method_of(params: Mapping, given: Collection[str]) -> str:
    """The way to authenticate: the one that is named, else the first that is complete.

    The task takes precedence over the environment: first ways of which the task sets all options, then those of which it sets the application or the
    credential, then the rest. An auth that the environment names counts, unless the task sets a credential.
    """
    named = params.get("auth") or "auto"
    is_overruled = "auth" not in given and any(option in given for option in _CREDENTIALS)
    if named != "auto" and not is_overruled:
        return named
    complete = [name for name, needs in _NEEDS.items() if all(params.get(option) for option in needs)]
    if not complete and named != "auto":
        return named
    if not complete:
        raise OptionError(_incomplete(params))
    return min(complete, key=lambda name: _distance(name, set(given)))


def _incomplete(params: Mapping) -> str:
    """Return the text that names the missing options: those of the given credential, else those of the usual ways."""
    credential = next((name for name in _CREDENTIALS if params.get(name)), None)
    needs = next((needs for needs in _NEEDS.values() if credential in needs), ("tenant_id", "client_id"))
    missing = [name for name in needs if not params.get(name)]
    if credential:
        return f"auth: {credential} is given, and {_named(missing)} is missing" if len(missing) == 1 else f"auth: {credential} needs {_named(missing)} as well"
    one = "one of " + ", ".join(f"{name} ({_VARIABLES[name]})" for name in ("client_secret", "certificate_path", "federated_token_file"))
    given = [name for name in needs if params.get(name)]
    start = f"auth: {' and '.join(given)} {'are' if len(given) > 1 else 'is'} given, and a credential is missing" if given else "auth: no credentials are given"
    return f"{start}: give {' and '.join([_named(missing), one]) if missing else one}, or access_token, or auth: managed_identity or azure_cli"


def _named(options: Iterable[str]) -> str:
    """Options with their environment variables."""
    return " and ".join(f"{name} ({_VARIABLES[name]})" for name in options)


def _distance(name: str, given: set[str]) -> int:
    """Return how little of a way to authenticate the task itself sets; a token of the environment may be of another tenant than the task names."""
    needs = set(_NEEDS[name])
    is_of_another = name == "access_token" and "tenant_id" in given and "access_token" not in given
    return 2 - bool({"client_id", *_CREDENTIALS} & needs & given) - (needs <= given) + is_of_another


def _application(params: Mapping, cloud: Cloud, credential: Any, cache: Any, http: RetryingHttp) -> Any:
    msal = load_msal()
    return msal.ConfidentialClientApplication(
        params["client_id"],
        client_credential=credential,
        authority=f"{cloud.authority_url}/{params['tenant_id']}",
        instance_discovery=False,
        client_capabilities=["CP1"],
        token_cache=cache,
        http_client=http,
    )


def _managed_identity(params: Mapping, cache: Any, http: RetryingHttp) -> Any:
    msal = load_msal()
    client_id = params.get("client_id")
    identity = msal.UserAssignedManagedIdentity(client_id=client_id) if client_id else msal.SystemAssignedManagedIdentity()
    return msal.ManagedIdentityClient(identity, http_client=http, token_cache=cache)
