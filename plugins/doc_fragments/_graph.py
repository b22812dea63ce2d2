# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options and attributes of every module that calls Microsoft Graph."""

from __future__ import annotations


class ModuleDocFragment:
    """Connection options, and attributes that say what a module promises."""

    DOCUMENTATION = r"""
options:
  tenant_id:
    description:
      - Id or domain of the tenant that issues the token.
      - If unset, E(AZURE_TENANT_ID) or E(AZURE_TENANT) is used. Not needed with O(access_token).
      - A token of another tenant than an id given here is rejected.
    type: str
  client_id:
    description:
      - Application (client) id of the app registration, or of a user-assigned managed identity.
      - If unset, E(AZURE_CLIENT_ID) is used.
    type: str
  client_secret:
    description:
      - Client secret of the application.
      - If unset, E(AZURE_CLIENT_SECRET) or E(AZURE_SECRET) is used, so that AWX's built-in Azure credential works as it is.
    type: str
  certificate_path:
    description:
      - File with the certificate and the private key of the application, PEM (both in one file) or PFX.
      - If unset, E(AZURE_CLIENT_CERTIFICATE_PATH) is used.
    type: path
  certificate_password:
    description:
      - Password of the private key in O(certificate_path).
      - If unset, E(AZURE_CLIENT_CERTIFICATE_PASSWORD) is used, and without it the key must not be encrypted.
    type: str
  federated_token_file:
    description:
      - File with the token of a trusted identity provider (workload identity federation). It is read again for each token.
      - If unset, E(AZURE_FEDERATED_TOKEN_FILE) is used.
    type: path
  access_token:
    description:
      - A ready bearer token for Microsoft Graph. It is also the way to act as the signed-in user.
      - If unset, E(MSGRAPH_ACCESS_TOKEN) is used.
    type: str
  auth:
    description:
      - How to authenticate. V(auto) takes the first of V(access_token), V(certificate), V(workload_identity) and V(client_secret)
        whose options are complete. V(managed_identity) and V(azure_cli) are used only when named.
      - Options of the task take precedence over the environment as a whole. A method for which the task sets all options is first. Next is one with
        the application or the credential. A method that only the environment sets is last. A credential of the task also takes precedence over
        E(MSGRAPH_AUTH).
      - If unset, E(MSGRAPH_AUTH) is used.
    type: str
    default: auto
    choices: [auto, access_token, certificate, workload_identity, client_secret, managed_identity, azure_cli]
  token_cache:
    description:
      - File in which tokens are kept between tasks, for its owner only and locked between processes. A missing folder is created.
        A link, or a file of another user, is rejected. A less strict mode is restricted, and content that others could write until then is not used.
      - If unset, E(MSGRAPH_TOKEN_CACHE) is used, and without it every task gets a token of its own.
      - Needs the Python library C(msal-extensions).
    type: path
  cloud:
    description:
      - The national cloud of the tenant.
      - If unset, E(AZURE_CLOUD_ENVIRONMENT) is used.
    type: str
    default: AzureCloud
    choices: [AzureCloud, AzureUSGovernment, AzureUSGovernmentDoD, AzureChinaCloud]
  graph_url:
    description:
      - Address of Microsoft Graph, for a private endpoint or the sandbox tenant. Unencrypted HTTP is accepted for loopback only.
      - If unset, E(MSGRAPH_URL) is used, and without it the address of the O(cloud).
    type: str
  authority_url:
    description:
      - Address of the authority that issues tokens, for a private endpoint or the sandbox tenant. It must use HTTPS.
      - If unset, E(AZURE_AUTHORITY_HOST) is used, and without it the address of the O(cloud).
    type: str
  ca_path:
    description:
      - File or folder of PEM certificates to trust instead of the usual ones. A certificate authority in it need not comply strictly with RFC 5280, which
        Python 3.13 requires of others.
      - If unset, E(MSGRAPH_CA_PATH) is used, and without it E(REQUESTS_CA_BUNDLE), E(CURL_CA_BUNDLE), E(SSL_CERT_FILE) or E(SSL_CERT_DIR).
    type: path
  validate_certs:
    description:
      - Whether to check the certificate of the service. Do not turn this off outside a test network.
    type: bool
    default: true
  timeout:
    description:
      - Seconds for one request with its whole answer, at most a day.
    type: float
    default: 30
  max_wait:
    description:
      - Seconds that one request may wait altogether for throttling and retries, at most a day. After that, the request fails with its last error.
    type: float
    default: 300
  sku_names:
    description:
      - Microsoft's file C(Product names and service plan identifiers for licensing), a CSV. With it, every option that takes a SKU or a service plan
        also takes display names, such as V(Microsoft 365 E5).
      - The tenant's own name of a SKU or service plan always takes precedence. A product display name of several SKUs
        is an error, unless the tenant owns one of them.
    type: path
requirements:
  - requests
  - msal >= 1.35 (for every O(auth) but V(access_token) and V(azure_cli))
  - msal-extensions[portalocker] (for O(token_cache))
notes:
  - An option that is an empty string counts as unset, as AWX surveys send blanks.
  - The module runs where the task runs, usually the controller. Use C(connection=local) or C(delegate_to=localhost).
"""

    ATTRIBUTES = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and predict the change, and every error that can be predicted, without writing.
    support: full
  diff_mode:
    description: Returns the difference in names of SKUs and service plans.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change and writes nothing.
    support: full
  action_group:
    description: Use C(group/m365.licensing.graph) in C(module_defaults) to set the connection options for every module of this collection.
    support: full
    membership:
      - m365.licensing.graph
"""

    INFO_ATTRIBUTES = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode); it only reads.
    support: full
  diff_mode:
    description: Changes nothing, so there is nothing to show.
    support: N/A
  idempotent:
    description: Never changes anything.
    support: full
  action_group:
    description: Use C(group/m365.licensing.graph) in C(module_defaults) to set the connection options for every module of this collection.
    support: full
    membership:
      - m365.licensing.graph
"""
