"""Additions to the API's description that drf-spectacular cannot infer."""

from typing import Any

from telegram_assistant.api import problems

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Figures that explain the failure are further members.",
    "required": list(problems.OWN_MEMBERS),
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "With code `invalid`: the refused fields and the reasons.",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the problem as a possible answer of every operation (a hook of drf-spectacular)."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components.setdefault("responses", {})["Problem"] = {
        "description": "A problem",
        "content": {
            problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    }
    for path in result.get("paths", {}).values():
        for operation in path.values():
            operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    return result
