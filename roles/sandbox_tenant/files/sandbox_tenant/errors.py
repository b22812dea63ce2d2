# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of Graph: the table of their codes and texts, and the envelope they come in."""

from __future__ import annotations

import time
import uuid

CLASSIC = "Request_BadRequest"

# name: (status, code, message)
TEXTS = {
    "E1": (400, CLASSIC, "License assignment cannot be done for user with invalid usage location."),
    "E2": (400, CLASSIC, "Subscription with SKU {sku} does not have any available licenses."),
    "E3": (400, CLASSIC, "License assignment failed because service plans {plans} are mutually exclusive"),
    "E4": (400, CLASSIC, "License assignment failed because service plan {plan} depends on the service plan(s) {needs}"),
    "E5": (400, CLASSIC, "User does not have a corresponding license."),
    "member": (400, CLASSIC, "One or more added object references already exist for the following modified properties: 'members'."),
    "dynamic": (400, CLASSIC, "The members of a dynamic group cannot be changed, as a rule decides on them."),
    "E6": (400, CLASSIC, "User license is inherited from a group membership and it cannot be removed directly from the user."),
    "E7": (400, CLASSIC, "License {sku} does not correspond to a valid company License."),
    "E8": (400, CLASSIC, "License {sku} cannot be assigned to a user."),
    "E9": (400, CLASSIC, "Service plan {plan} is not part of license {sku}."),
    "E10": (
        400,
        CLASSIC,
        "Cannot convert a primitive value to the expected type 'Edm.Guid'. See the inner exception for more details.",
    ),
    "E11": (
        400,
        CLASSIC,
        "One or more parameters of the operation 'assignLicense' are missing from the request payload. The missing parameters are: {names}.",
    ),
    "E12": (400, CLASSIC, "No license changes provided. At least one license to add or remove must be specified."),
    "E13": (400, CLASSIC, "Invalid object identifier '{id}'."),
    "E14": (400, CLASSIC, "Another object with the same value for property proxyAddresses already exists."),
    "E15": (
        404,
        "Request_ResourceNotFound",
        "Resource '{id}' does not exist or one of its queried reference-property objects are not present.",
    ),
    "E18": (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    "E19": (401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    "E20": (
        401,
        "InvalidAuthenticationToken",
        "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp",
    ),
    "E22": (429, "TooManyRequests", "Please retry again later."),
    "E25": (
        400,
        CLASSIC,
        "Unable to delete the group because there is a product license assigned to the group. To delete this group, remove any product licenses first.",
    ),
    "E26": (400, CLASSIC, "$count is not currently supported."),
    "E27": (400, "Request_UnsupportedQuery", "The specified filter needs the header ConsistencyLevel: eventual and $count=true."),
    "no_token": (401, "InvalidAuthenticationToken", "Access token is empty."),
    "bad_token": (401, "InvalidAuthenticationToken", "IDX10511: Signature validation failed."),
    "bad_audience": (401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."),
    "duplicate_sku": (400, CLASSIC, "The license {sku} is specified more than once."),
    "me_needs_user": (400, "BadRequest", "/me request is only valid with delegated authentication flow."),
    "segment": (400, "BadRequest", "Resource not found for the segment '{segment}'."),
    "select": (400, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '{property}' on type '{type}'."),
    "filter": (400, "BadRequest", "Invalid filter clause: {text}"),
    "option": (400, "BadRequest", "Query option '{name}' is not allowed here."),
    "page_size": (400, CLASSIC, "Invalid page size specified: '{size}'. Must be between 1 and 999 inclusive."),
    "body": (400, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."),
    "batch_size": (400, "BadRequest", "Number of batch request steps exceeds the maximum value of 20."),
    "batch_shape": (400, "BadRequest", "Invalid batch payload format."),
    "batch_id": (400, "BadRequest", "Request Id : {id} has to be unique in a batch."),
    "dependency": (424, "FailedDependency", "The request depends on a request that failed."),
}


class Rejection(Exception):
    """An error that Graph answers with. extra holds fields of innerError, headers those of the answer."""

    def __init__(self, status: int, code: str, message: str, extra: dict | None = None, headers: dict | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.extra, self.headers = extra or {}, headers or {}

    def body(self, request_id: str) -> dict:
        """The envelope (graph-contract 4.1)."""
        inner = {"date": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()), "request-id": request_id, "client-request-id": request_id, **self.extra}
        return {"error": {"code": self.code, "message": self.message, "innerError": inner}}


def rejection(entry: str, /, **values: str) -> Rejection:
    """The error for an entry in the table."""
    status, code, message = TEXTS[entry]
    return Rejection(status, code, message.format(**values))


def cloud_rejection(inner_code: str, message: str, status: int = 400, **fields: str) -> Rejection:
    """An error in the shape of cloudLicensing (graph-contract 4.5)."""
    code = {400: "badRequest", 404: "notFound", 405: "methodNotAllowed"}[status]
    return Rejection(status, code, message, {"code": inner_code, **fields})


def new_request_id() -> str:
    """An id for one request."""
    return str(uuid.uuid4())
