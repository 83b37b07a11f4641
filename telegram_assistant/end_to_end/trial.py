"""What the steps of one check hand on to each other, and how a step fails."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from accounts.models import Tenant
from events.errors import DomainError
from events.models import OutboxEvent
from events.schemas import VisionUploadedEventV1
from media.models import Post
from media.services import sample_post

Say = Callable[[str], None]
"""Prints one line of the report."""


class StepFailed(DomainError):
    """A step did not come out as it should; `remedy` is what to do, in one line."""

    code = "step_failed"

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass
class Trial:
    """
    One check. `post_id` names a post of the archive; without it the check makes a post of its own.

    `seconds` is how long the analysis may take; an empty `api_url` asks the API in this process.
    """

    tenant: Tenant
    post_id: UUID | None
    seconds: float
    api_url: str
    say: Say
    number: int = field(default_factory=sample_post.new_number)
    trace_id: str = field(default_factory=lambda: f"e2e_test_{secrets.token_hex(8)}")
    post: Post | None = None
    event: VisionUploadedEventV1 | None = None
    row: OutboxEvent | None = None
    outcome: str = ""
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def id_of_post(self) -> UUID:
        return self.post_id or sample_post.id_of(self.tenant, self.number)

    @property
    def the_post(self) -> Post:
        if self.post is None:
            raise LookupError("the step that finds the post has not been done")
        return self.post

    @property
    def the_event(self) -> VisionUploadedEventV1:
        if self.event is None:
            raise LookupError("the step that builds the event has not been done")
        return self.event

    @property
    def the_row(self) -> OutboxEvent:
        if self.row is None:
            raise LookupError("the step that publishes the event has not been done")
        return self.row

    def say_fact(self, name: str, value: object) -> None:
        self.facts[name.lower().replace(" ", "_")] = value
        self.say(f"    {name}: {value}")
