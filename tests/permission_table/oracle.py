"""
Who may do what, written down from the issue and the documentation alone.

Nothing of the product is imported here: what it decides is compared with what stands in these
tables. Two tenants exist, A and B; `whose` is one of them, `NOBODY` for a row that does not exist, or
`ALL` for what belongs to the installation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

TENANTS: Final = ("A", "B")
NOBODY: Final = "nobody"
ALL: Final = "all"


class Right(IntEnum):
    """What a role brings; ROOT is left to superusers, NEVER to nobody: the pipeline owns the row."""

    VIEW = 1
    OPERATE = 2
    ADMINISTER = 3
    ROOT = 4
    NEVER = 5


VIEW, OPERATE, ADMINISTER, ROOT, NEVER = Right
ROLES: Final = {"viewer": VIEW, "operator": OPERATE, "administrator": ADMINISTER}


@dataclass(frozen=True)
class Asker:
    """Somebody who asks: with a role in some tenants, in none, or not signed in at all."""

    name: str
    roles: dict[str, str] = field(default_factory=dict)
    signed_in: bool = True
    active: bool = True
    superuser: bool = False

    @property
    def admitted(self) -> bool:
        """Whether the console lets them in."""
        return self.signed_in and self.active and (self.superuser or bool(self.roles))

    def may(self, right: Right, whose: str) -> bool:
        if not self.admitted or right is NEVER or whose == NOBODY:
            return False
        if self.superuser:
            return True
        owners = TENANTS if whose == ALL else (whose,)
        return all(
            ROLES[self.roles[one]] >= right if one in self.roles else False for one in owners
        )

    def may_somewhere(self, right: Right) -> bool:
        return any(self.may(right, one) for one in TENANTS)


@dataclass(frozen=True)
class Token(Asker):
    """Somebody who asks by a token of the API, which may allow less than its owner may do."""

    scope: Right = VIEW
    only: str = ""
    """The tenant for which it is; empty: all of its owner's."""

    def may(self, right: Right, whose: str) -> bool:
        within = right <= self.scope and self.only in {"", whose}
        return within and super().may(right, whose)


ASKERS: Final = (
    Asker("anonymous", signed_in=False),
    Asker("stranger"),
    Asker("viewer", {"A": "viewer"}),
    Asker("operator", {"A": "operator"}),
    Asker("administrator", {"A": "administrator"}),
    Asker("viewer of B", {"B": "viewer"}),
    Asker("operator of B", {"B": "operator"}),
    Asker("administrator of B", {"B": "administrator"}),
    Asker("operator of A, viewer of B", {"A": "operator", "B": "viewer"}),
    Asker("viewer of both", {"A": "viewer", "B": "viewer"}),
    Asker("operator of both", {"A": "operator", "B": "operator"}),
    Asker("administrator of both", {"A": "administrator", "B": "administrator"}),
    Asker("deactivated administrator", {"A": "administrator"}, active=False),
    Asker("deactivated superuser", superuser=True, active=False),
    Asker("superuser", superuser=True),
)
FEW: Final = ("viewer", "administrator", "operator of A, viewer of B", "superuser")
"""Those whose answers differ most, where asking everybody would take minutes."""
FOUR_KINDS: Final = ("stranger", "viewer", "operator", "administrator")


class Answer(StrEnum):
    DONE = "done"
    LOGIN = "sent to sign in"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"


DONE, LOGIN, FORBIDDEN, UNKNOWN = Answer


@dataclass(frozen=True)
class Kind:
    """A kind of rows of the console, and the right that each thing done to them needs."""

    see: Right
    add: Right = NEVER
    change: Right = NEVER
    delete: Right = NEVER
    shared: bool = False
    """Whether the rows are the installation's and not a tenant's."""
    actions: dict[str, Right] = field(default_factory=dict)


KINDS: Final[dict[str, Kind]] = {
    # A viewer reads. An operator also repeats, cleans up and spends tokens.
    "media.channel": Kind(VIEW, change=OPERATE),
    "media.telegramaccount": Kind(
        ADMINISTER, ADMINISTER, ADMINISTER, actions={"forget_session": ADMINISTER}
    ),
    "media.channelfeed": Kind(
        VIEW, add=OPERATE,
        actions={"pause": OPERATE, "resume_reading": OPERATE, "read_gaps": OPERATE},
    ),
    "media.channelgap": Kind(VIEW, actions={"fill": OPERATE}),
    "media.post": Kind(
        VIEW, actions={"analyze_again": OPERATE, "read_documents_again": OPERATE}
    ),
    "media.mediaobject": Kind(VIEW),
    "media.importrun": Kind(VIEW),
    "media.importproblem": Kind(VIEW),
    "albums.mediagroup": Kind(VIEW, actions={"reassemble": OPERATE}),
    "crawl.crawledpage": Kind(VIEW, actions={"fetch_again": OPERATE}),
    "crawl.crawldomain": Kind(VIEW, change=ADMINISTER),
    "vision.postenrichment": Kind(VIEW, actions={"analyze_posts_again": OPERATE}),
    "vision.documenttext": Kind(VIEW, actions={"read_again": OPERATE}),
    "vision.picturehash": Kind(VIEW, actions={"mark_distinct": OPERATE}),
    "vision.picturedistinction": Kind(VIEW, actions={"withdraw": OPERATE}),
    "vision.paidanalysis": Kind(VIEW, actions={"retry": OPERATE}),
    "vision.tag": Kind(VIEW),
    "vision.posttag": Kind(VIEW, actions={"accept_tags": OPERATE, "drop_tags": OPERATE}),
    "vision.tagrule": Kind(
        VIEW, add=OPERATE, actions={"apply_rules": OPERATE, "forget_rules": OPERATE}
    ),
    "vision.taganswer": Kind(VIEW),
    "vision.tokenbudget": Kind(VIEW, actions={"reset_usage": OPERATE}),
    "events.outboxevent": Kind(VIEW),
    "events.delivery": Kind(VIEW, actions={"replay": OPERATE}),
    "events.deadletter": Kind(VIEW, actions={"replay": OPERATE}),
    "storage_quota.tenantusage": Kind(VIEW),
    "storage_quota.storedobject": Kind(VIEW),
    "storage_quota.reservation": Kind(VIEW),
    # An administrator also decides who belongs to the tenant; accounts and limits are a superuser's.
    "accounts.tenant": Kind(VIEW, add=ROOT, change=ROOT),
    "accounts.membership": Kind(
        ADMINISTER, ADMINISTER, ADMINISTER, ADMINISTER, actions={"delete_selected": ADMINISTER}
    ),
    "accounts.user": Kind(
        ADMINISTER, ROOT, ROOT, ROOT,
        actions={"delete_selected": ROOT, "remove_second_factors": ROOT},
    ),
    "accounts.browsersession": Kind(ADMINISTER, actions={"end": ADMINISTER}),
    "accounts.apitoken": Kind(ADMINISTER, actions={"revoke": ADMINISTER}),
    "accounts.auditentry": Kind(ADMINISTER),
    # What all tenants share needs the right in every tenant.
    "storage_quota.bucketstate": Kind(VIEW, shared=True),
    "storage_quota.integritycheck": Kind(VIEW, shared=True),
    "storage_quota.integrityfinding": Kind(VIEW, shared=True),
    "storage_quota.orphan": Kind(
        VIEW, shared=True, actions={"adopt": OPERATE, "accept": OPERATE}
    ),
    "vision.callcost": Kind(VIEW, shared=True, actions={"forget": OPERATE}),
    "vision.providerhealth": Kind(VIEW, shared=True, actions={"resume": OPERATE}),
    "django_q.schedule": Kind(
        OPERATE, ROOT, ROOT, ROOT, shared=True, actions={"delete_selected": ROOT}
    ),
    "django_q.ormq": Kind(
        OPERATE, NEVER, ROOT, ROOT, shared=True, actions={"delete_selected": ROOT}
    ),
    "django_q.success": Kind(
        OPERATE, NEVER, ROOT, ROOT, shared=True,
        actions={"delete_selected": ROOT, "resubmit_task": OPERATE},
    ),
    "django_q.failure": Kind(
        OPERATE, NEVER, ROOT, ROOT, shared=True,
        actions={"delete_selected": ROOT, "resubmit_task": OPERATE},
    ),
}  # fmt: skip

PAGES_OF_A_ROW: Final = ("look", "change", "delete", "history")
"""The page of a row, its form sent, its page of deletion, and what was done to it."""


def page(asker: Asker, kind: Kind, name: str, whose: str) -> Answer:
    """Return what a page of the console answers; lists and forms of new rows are of NOBODY."""
    if not asker.admitted:
        return LOGIN
    if name in {"list", "add"}:
        needed = kind.see if name == "list" else kind.add
        may = asker.may(needed, ALL) if kind.shared else asker.may_somewhere(needed)
        return DONE if may else FORBIDDEN
    if not asker.may(kind.see, whose):
        return UNKNOWN
    needed = {"change": kind.change, "delete": kind.delete}.get(name, kind.see)
    return DONE if asker.may(needed, whose) else FORBIDDEN


def acts(asker: Asker, kind: Kind, action: str, whose: str) -> bool:
    """Return whether an action of the console's lists does anything to such a row."""
    return asker.may(kind.actions[action], whose)


@dataclass(frozen=True)
class Endpoint:
    """An address outside of the rows' pages: who may ask, and about whose things."""

    right: Right | None
    """None: whoever is signed in; what concerns one's own account alone."""
    whose: Iterable[str] = (ALL,)
    """Whose objects the address may name; ALL where it names none."""
    unknown: Answer = UNKNOWN


def endpoint(asker: Asker, rule: Endpoint, whose: str) -> Answer:
    """Return what an endpoint of the API answers."""
    if not (asker.signed_in and asker.active):
        return LOGIN
    if rule.right is None:
        return DONE
    if not asker.may_somewhere(VIEW):
        return FORBIDDEN
    if whose == ALL:
        return DONE if asker.may(rule.right, ALL) else FORBIDDEN
    if not asker.may(VIEW, whose):
        return UNKNOWN
    return DONE if asker.may(rule.right, whose) else FORBIDDEN
