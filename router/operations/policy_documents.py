"""Resource-based policies as documents: what makes one, and the one form in which AWS gives it back.

Knows the grammar of IAM as far as a document can be told from something else. Refuses to know what a policy means.
"""

from typing import Any, Final

import orjson

from router.operations.policy_actions import TABLE_ACTIONS, unknown_actions
from router.operations.table_settings import INVALID
from wire.errors import StoreError, validation_error

POLICY_BYTES_MAX: Final = 20_480

_ACCOUNT_DIGITS: Final = 12
_VERSIONS: Final = ("2012-10-17", "2008-10-17")
_MEMBERS: Final = ("Version", "Id", "Statement")
_STATEMENT_MEMBERS: Final = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_EFFECTS: Final = {"allow": "Allow", "deny": "Deny"}
_ACTIONS: Final = ("Action", "NotAction")
_LISTS: Final = ("Action", "NotAction", "Resource", "NotResource")


def canonical_policy(text: str, actions: frozenset[str] = TABLE_ACTIONS) -> str:
    """Return a policy in AWS's own form: no white space, members in their order, lists of one without the list.

    `actions` are those that a policy of its kind may speak of.

    Raises StoreError VALIDATION for what is not a policy.
    """
    if len(text.encode("utf-8", "surrogatepass")) > POLICY_BYTES_MAX:
        raise validation_error(f"{INVALID}Maximum policy size of {POLICY_BYTES_MAX} bytes exceeded")
    document = _parsed(text)
    unknown = document.keys() - set(_MEMBERS)
    if unknown or "Statement" not in document:
        raise _syntax_error(text)
    version = document.get("Version", _VERSIONS[1])
    if version not in _VERSIONS:
        raise _invalid("The policy must contain a valid version string")
    statements = _statements(document["Statement"], text)
    _require_actions(statements, actions)
    for statement in statements:
        _require_bounds(statement)
    members = {"Version": version, **_picked(document, ("Id",)), "Statement": statements}
    try:
        return orjson.dumps(members).decode()
    except orjson.JSONEncodeError:
        # Nested deeper than anything means.
        raise _syntax_error(text) from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _invalid("This policy contains invalid Json") from None
    if document is None:
        raise _invalid("This text appears not to be a policy")
    if not isinstance(document, dict):
        raise _invalid("This policy contains invalid Json")
    return document


def _statements(given: Any, text: str) -> list[dict[str, Any]]:
    listed = [given] if isinstance(given, dict) else given
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise _syntax_error(text)
    if not listed:
        raise _invalid("Could not parse the policy: Statement is empty!")
    statements = [_statement(each, text) for each in listed]
    names = [each["Sid"] for each in statements if "Sid" in each]
    if len(set(names)) < len(names):
        raise _invalid("The Statement Ids in the policy are not unique")
    return statements


def _statement(given: dict[str, Any], text: str) -> dict[str, Any]:
    for member in ("Effect", "Principal", "Action", "Resource"):
        if member not in given and f"Not{member}" not in given:
            raise _invalid(f"Missing required field {member}")
    if given.keys() - set(_STATEMENT_MEMBERS) or not isinstance(given.get("Sid", ""), str):
        raise _syntax_error(text)
    effect = given["Effect"] if isinstance(given.get("Effect"), str) else ""
    if effect.lower() not in _EFFECTS:
        raise _invalid(f"Invalid effect: {effect}")
    statement = {**given, "Effect": _EFFECTS[effect.lower()]}
    for member in _LISTS:
        if member in statement:
            statement[member] = _texts(statement[member], text)
    for member in ("Principal", "NotPrincipal"):
        if member in statement:
            statement[member] = _principal(statement[member], text)
    return _picked(statement, _STATEMENT_MEMBERS)


def _require_actions(statements: list[dict[str, Any]], actions: frozenset[str]) -> None:
    given = [name for each in statements for member in _ACTIONS if member in each for name in _listed(each[member])]
    unknown = unknown_actions(given, actions)
    if unknown:
        quoted = ", ".join(f'"{name}"' for name in unknown)
        raise _invalid(f"The following action names are invalid: {quoted}")


def _require_bounds(statement: dict[str, Any]) -> None:
    if statement["Effect"] == "Allow" and "Condition" not in statement and _is_anybody(statement.get("Principal")):
        raise validation_error(
            "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure "
            "least-privilege form of access"
        )


def _listed(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def _texts(given: Any, text: str) -> str | list[str]:
    """Return a text as it is, and a list of texts as a list, or as its only one."""
    if isinstance(given, str):
        return given
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise _syntax_error(text)
    return given[0] if len(given) == 1 else given


def _principal(given: Any, text: str) -> Any:
    if given == "*":
        return given
    if not isinstance(given, dict) or not given:
        raise _syntax_error(text)
    return {kind: _names(kind, _texts(names, text)) for kind, names in given.items()}


def _names(kind: str, given: str | list[str]) -> str | list[str]:
    """Return principals with accounts spelled as AWS spells them, each once."""
    names = _listed(given)
    if kind == "AWS":
        names = [f"arn:aws:iam::{name}:root" if _is_account(name) else name for name in names]
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else unique


def _is_account(name: str) -> bool:
    return len(name) == _ACCOUNT_DIGITS and name.isdigit()


def _is_anybody(principal: Any) -> bool:
    if principal == "*":
        return True
    names = principal.get("AWS", []) if isinstance(principal, dict) else []
    return "*" in _listed(names)


def _picked(members: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: members[name] for name in names if name in members}


def _syntax_error(text: str) -> StoreError:
    return _invalid(f"Syntax error at position (1,{len(text) + 1})")


def _invalid(why: str) -> StoreError:
    return validation_error(f"{INVALID}Invalid policy document: {why}")
