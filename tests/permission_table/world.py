"""Two tenants with a full set of rows each, and in each text of them a word that gives it away."""

import itertools
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.db import DataError, IntegrityError, models, transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from knox.models import get_digest_token

from accounts import audit
from accounts.models import ApiToken, AuditEntry, BrowserSession, Membership, Tenant
from accounts.models.api_token import PREFIX, SHOWN_CHARS
from crawl.models import CrawlDomain
from events.models import DeadLetter
from media.models import Channel, ChannelFeed, ChannelGap, MediaObject, Post, TelegramAccount
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from storage_quota import keys
from storage_quota.models import (
    BucketState,
    ContentType,
    IntegrityCheck,
    IntegrityFinding,
    Orphan,
    Reservation,
    StoredObject,
    TenantUsage,
)
from tests import factories as make
from tests.permission_table.oracle import ASKERS, TENANTS
from vision.models import CallCost, PaidAnalysis, ProviderHealth, Tag, TagRule, TokenBudget

WORDS: Final = {"A": "aardvark", "B": "quagga", "shared": "pangolin"}
"""What the texts of a tenant's rows say, and those of the installation's."""
SHARED_PICTURE: Final = make.picture("teal", size=(33, 44))
"""Both tenants have it, so its hash gives nobody away."""
UNPLANTED: Final = {
    ("accounts.tenant", "settings"), ("accounts.user", "password"), ("accounts.user", "username"),
    ("accounts.user", "time_zone"), ("events.outboxevent", "tenant_id"), ("media.mediaobject", "s3_key"),
    ("vision.tag", "name"), ("vision.tagrule", "word"), ("vision.tagrule", "label"),
    ("media.postsource", "version"), ("media.postversion", "key"), ("media.channelsource", "name"),
    ("storage_quota.storedobject", "mime"), ("storage_quota.storedobject", "content_encoding"),
}  # fmt: skip
"""Fields that would stop working with a word in them."""
SHORTEST: Final = 8
"""Numbers with fewer digits say nothing: they stand on any page."""

Rows = dict[str, models.Model]


@dataclass
class World:
    tenants: dict[str, Tenant] = field(default_factory=dict)
    users: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, dict[str, models.Model]] = field(default_factory=dict)
    """By the name of the model and its owner: a tenant, or `all` for the installation."""
    secrets: dict[str, frozenset[bytes]] = field(default_factory=dict)
    """What only a tenant's own members may read: words, ids and hashes."""

    def row(self, kind: str, whose: str) -> models.Model:
        return self.rows[kind][whose]

    def missing(self, kind: str) -> Any:
        """A key of this kind that no row has."""
        key = apps.get_model(kind)._meta.pk
        if isinstance(key, models.UUIDField):
            return uuid.UUID(int=7)
        return "media/none" if isinstance(key, models.CharField) else 77_777_777


def build() -> World:
    world = World()
    for name in TENANTS:
        world.tenants[name] = make.tenant(f"{WORDS[name]} house")
    for asker in ASKERS:
        if asker.signed_in:
            world.users[asker.name] = _user(world, asker)
    for name in TENANTS:
        rows = fill(world.tenants[name], WORDS[name])
        rows["accounts.user"] = world.users["viewer" if name == "A" else "viewer of B"]
        rows["accounts.membership"] = rows["accounts.user"].memberships.get()
        rows |= _of_account(rows["accounts.user"], world.tenants[name], WORDS[name])
        for kind, row in rows.items():
            world.rows.setdefault(kind, {})[name] = row
    for kind, row in _installation().items():
        world.rows[kind] = {"all": row}
    world.secrets = _secrets(world)
    return world


def _user(world: World, asker: Any) -> Any:
    users = get_user_model().objects
    only = set(asker.roles) if len(asker.roles) == 1 else {"shared"}
    name = f"{asker.name} {WORDS[only.pop()]}"
    user = (users.create_superuser if asker.superuser else users.create_user)(name)
    for tenant, role in asker.roles.items():
        Membership.objects.create(user=user, tenant=world.tenants[tenant], role=role)
    users.filter(pk=user.pk).update(is_active=asker.active)
    return user


_album_ids = itertools.count(71_000_001)
"""Long ones: a digit or two would be found in everything that an answer says."""


def fill(tenant: Tenant, word: str, *, days_later: int = 0) -> Rows:
    """
    Make one row of each kind and more, with `word` in each text that may be any text.

    A tenant may be filled again for a later day.
    """
    channel = make.channel(owner=tenant)
    bodies = (make.picture("navy", size=(40 + len(word), 30 + n)) + word.encode() for n in range(3))
    media = [make.media_object(owner=tenant, body=body, stored=True) for body in bodies]
    shared = SHARED_PICTURE + b"again" * days_later
    media.append(make.media_object(owner=tenant, body=shared, stored=True))
    document = make.document(
        media=make.media_object(
            owner=tenant, body=f"{word} {days_later}".encode(), mime="text/plain", stored=True
        ),
        text=f"{word} in a document",
    )
    post = make.post(of=channel, media=[media[0], media[3], document.media_object])
    make.history(post, text=f"{word} before", at=make.NOW + timedelta(days=days_later))
    album = make.album(of=channel, pictures=media[1:3], pk=next(_album_ids))
    enrichment = make.enrichment(
        post, decisions=[make.decision(media[0])], features_hash=media[0].file_sha256
    )
    for item in album.items.all():
        make.enrichment(item.post)
    delivery, dead = (_about(maker, tenant) for maker in (make.delivery, make.dead_letter))
    run = make.import_run(owner=tenant, problems=2)
    proposal = make.proposal(post)
    rows: Rows = {
        "accounts.tenant": tenant,
        "media.channel": channel,
        "media.post": post,
        **_of_telegram(tenant, channel, word),
        "media.mediaobject": media[0],
        "media.importrun": run,
        "media.importproblem": run.problems.first(),
        "albums.mediagroup": album,
        "crawl.crawledpage": make.article(of=post, host=f"{word}.example"),
        "crawl.crawldomain": CrawlDomain.objects.create(
            tenant=tenant, host=f"{word}{days_later}.example", hour=make.NOW, used=3
        ),
        "vision.postenrichment": enrichment,
        "vision.documenttext": document,
        "vision.picturehash": make.near_duplicate(owner=tenant),
        "vision.picturedistinction": make.distinction(owner=tenant),
        "vision.paidanalysis": _paid(tenant, media[1], post),
        "vision.tag": Tag.objects.create(tenant=tenant, name=f"{word}_{days_later}"),
        "vision.posttag": proposal,
        "vision.tagrule": TagRule.objects.create(tenant=tenant, tag=proposal.tag, channel=channel),
        "vision.taganswer": make.tag_answer(post, model=f"{word}-model", tags=[{"name": word}]),
        "vision.tokenbudget": TokenBudget.objects.create(
            tenant=tenant,
            day=make.NOW.date() + timedelta(days=days_later),
            used_tokens=41_414_141 + len(word),
        ),
        "events.delivery": delivery,
        "events.deadletter": DeadLetter.objects.get(pk=dead.pk),
        "events.outboxevent": delivery.event,
        "storage_quota.tenantusage": TenantUsage.objects.get(tenant=tenant, content_type="media"),
        "storage_quota.storedobject": StoredObject.objects.get(pk=media[0].s3_key),
        "storage_quota.reservation": _reservation(tenant),
    }
    for one in (media[0], media[3]):
        _paid(tenant, one, post, state="done", analysis=_analysis(word))
    _plant(tenant, word)
    _index(tenant)
    for row in rows.values():
        row.refresh_from_db()
    return rows


def _of_account(user: Any, tenant: Tenant, word: str) -> Rows:
    """A session, a token and an entry of the audit, which the people of a tenant leave behind."""
    session = SessionStore()
    session.create()
    browser = UserSession.objects.create(
        user=user, session_key=session.session_key, ip="192.0.2.1", user_agent=f"{word} browser"
    )
    audit.record("tasks.replayed", target=tenant, tenant=tenant, before={"seen": word})
    return {
        "accounts.browsersession": BrowserSession.objects.get(pk=browser.pk),
        "accounts.apitoken": token_of(user, scope="read", tenant=tenant, name=word)[0],
        "accounts.auditentry": AuditEntry.objects.filter(tenant=tenant).latest("pk"),
    }


def token_of(user: Any, *, scope: str, tenant: Tenant | None, name: str) -> tuple[ApiToken, str]:
    """Make a token, also one that says more than its owner may do."""
    digest, secret = get_digest_token(PREFIX)
    token = ApiToken.objects.create(
        digest=digest, token_key=secret[:SHOWN_CHARS], user=user, created=timezone.now(),
        expiry=timezone.now() + timedelta(days=9), name=name, scope=scope, tenant=tenant,
    )  # fmt: skip
    return token, secret


def _index(tenant: Tenant) -> None:
    """Make the posts of a tenant known to the search."""
    posts = list(Post.objects.filter(tenant=tenant).values_list("pk", flat=True))
    index_words(posts, now=make.NOW)
    index_meaning(posts)


def _about(maker: Any, tenant: Tenant) -> Any:
    return maker(of=make.event(tenant_id=str(tenant.pk)))


def _paid(tenant: Tenant, media: MediaObject, post: Post, **more: Any) -> PaidAnalysis:
    defaults = {"state": "waiting", "wait_reason": "budget", "provider": "gigachat", "model": "m"}
    return PaidAnalysis.objects.create(
        tenant=tenant, sha256=media.file_sha256, schema_version="1", paid_by=post, is_recent=True,
        **(defaults | more),
    )  # fmt: skip


def _analysis(word: str) -> dict[str, Any]:
    return {
        "provider": "gigachat", "model": "m", "classification": "photo", "labels": [word],
        "description": f"A {word} in the yard", "analyzed_at": make.NOW.isoformat(),
    }  # fmt: skip


def _of_telegram(tenant: Tenant, channel: Channel, word: str) -> Rows:
    account = TelegramAccount.objects.create(
        tenant=tenant, name=f"{word} {channel.pk}"[:64], state="ready"
    )
    feed = ChannelFeed.objects.create(channel=channel, account=account, access_hash=1)
    gap = ChannelGap.objects.create(
        channel=channel, first_id=1, last_id=2, reason="failed", detail=word
    )
    return {"media.telegramaccount": account, "media.channelfeed": feed, "media.channelgap": gap}


def _reservation(tenant: Tenant) -> Reservation:
    key = keys.media(tenant_id=tenant.pk, sha256=uuid.uuid4().hex * 2, mime="image/png")
    return Reservation.objects.create(
        tenant=tenant, content_type=ContentType.MEDIA, key=key, size_bytes=4, created_at=make.NOW,
        expires_at=make.NOW + timedelta(days=9999),
    )  # fmt: skip


def _installation() -> Rows:
    word, now = WORDS["shared"], make.NOW
    check = IntegrityCheck.objects.create(
        started_at=now, worked_at=now, sample_percent=1, reason=word
    )
    tasks = [
        Task.objects.create(
            id=uuid.uuid4().hex, name=word, func="time.time", started=now, stopped=now, success=ok
        )
        for ok in (True, False)
    ]
    return {
        "storage_quota.bucketstate": BucketState.objects.create(place=word, surveyed_at=now),
        "storage_quota.integritycheck": check,
        "storage_quota.integrityfinding": IntegrityFinding.objects.create(
            check_run=check, kind="missing", key=word, found_at=now
        ),
        "storage_quota.orphan": Orphan.objects.create(
            key=f"media/{word}", size_bytes=5, modified_at=now, found_at=now, seen_at=now
        ),
        "vision.callcost": CallCost.objects.create(provider=word, model=word, most_tokens=9),
        "vision.providerhealth": ProviderHealth.objects.create(provider=word, failures=3),
        "django_q.schedule": Schedule.objects.create(func="time.time", name=word),
        "django_q.ormq": OrmQ.objects.create(key=word, payload=word, lock=now),
        "django_q.success": tasks[0],
        "django_q.failure": tasks[1],
    }


def rows_of(tenant: Tenant) -> Iterator[models.Model]:
    """Yield every row of every model that belongs to a tenant, whoever made it."""
    for model in apps.get_models():
        path = getattr(model, "tenant_path", None)
        if path and not model._meta.proxy:
            value = str(tenant.pk) if path.endswith("tenant_id") else tenant.pk
            yield from model._base_manager.filter(**{path: value}).distinct()


def _plant(tenant: Tenant, word: str) -> None:
    """Write the word into each text and each JSON of the tenant's rows that takes it."""
    for row in rows_of(tenant):
        for one in _texts(row) if _is_only(tenant, row) else ():
            value = _with(word, row, one)
            try:
                with transaction.atomic():
                    type(row)._base_manager.filter(pk=row.pk).update(**{one.attname: value})
            except (DataError, IntegrityError):
                continue  # a hash, a key, a code out of a list: unlike in each tenant anyhow


def _is_only(tenant: Tenant, row: models.Model) -> bool:
    """Whether the row may be written to, and nobody but members of the tenant may see it."""
    if row._meta.label_lower == "accounts.auditentry":
        return False
    return row._meta.label_lower != "accounts.user" or {tenant.pk} == set(
        row.memberships.values_list("tenant", flat=True)
    )


def _texts(row: models.Model) -> Iterator[Any]:
    for one in row._meta.concrete_fields:
        is_text = isinstance(one, models.CharField | models.TextField) and not one.choices
        if one.primary_key or one.generated or (row._meta.label_lower, one.name) in UNPLANTED:
            continue
        if is_text or (
            isinstance(one, models.JSONField) and isinstance(getattr(row, one.name), dict)
        ):
            yield one


def _with(word: str, row: models.Model, one: Any) -> Any:
    if isinstance(one, models.JSONField):
        return {**getattr(row, one.name), "seen": word}
    text = f"{word} {row.pk} {one.name}"
    return text[: one.max_length] if one.max_length else text


def _secrets(world: World) -> dict[str, frozenset[bytes]]:
    found = {name: set(_values(rows_of(tenant))) for name, tenant in world.tenants.items()}
    common = set.intersection(*found.values()) | set(_values(_known_to_both(world)))
    return {
        name: frozenset(value.encode() for value in values - common) | {WORDS[name].encode()}
        for name, values in found.items()
    }


def _known_to_both(world: World) -> Iterable[models.Model]:
    return [user for user in world.users.values() if user.memberships.count() != 1]


def _values(rows: Iterable[models.Model]) -> Iterator[str]:
    """Yield the ids, hashes and large numbers of rows, as pages may write them."""
    for row in rows:
        for one in row._meta.concrete_fields:
            value = getattr(row, one.attname)
            if isinstance(value, uuid.UUID):
                yield from (str(value), value.hex)
            elif isinstance(value, int) and abs(value) >= 10**SHORTEST:
                yield str(abs(value))
            elif isinstance(value, str) and len(value) == len(SHARED_HASH) and " " not in value:
                yield from (value, value[:12])


SHARED_HASH: Final = "0" * 64
