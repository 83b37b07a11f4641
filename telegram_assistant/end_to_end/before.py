"""Steps 1 to 3: room in the bucket, a real picture with its event, publishing."""

import secrets
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from events import outbox, subscriptions
from events.models import OutboxEvent
from events.schemas import VisionUploadedEventV1
from media.models import Post
from media.posts import post_events
from media.services import sample_post
from storage_quota import services as quota
from storage_quota.object_store import get_store
from storage_quota.selectors import tenant_report
from storage_quota.units import GIB, MIB
from telegram_assistant.end_to_end import picture
from telegram_assistant.end_to_end.trial import StepFailed, Trial
from telegram_assistant.feature_flags import feature_flags


def check_quota(trial: Trial) -> None:
    """Whether a picture would fit, by the limits of bucket, tenant and type."""
    outlook = quota.forecast(tenant=trial.tenant, content_type="media", size_bytes=MIB)
    report = tenant_report(trial.tenant)
    sizes = f"{report.used_bytes / GIB:.2f} GB / {report.limit_bytes / GIB:.2f} GB"
    if not outlook.allowed:
        raise StepFailed(
            _("Quota exceeded (%(sizes)s): %(why)s") % {"sizes": sizes, "why": outlook},
            _("free space with `emergency_s3_cleanup auto`, or raise %(setting)s")
            % {"setting": outlook.setting},
        )
    trial.say("  ✅ " + _("Quota available (%(sizes)s)") % {"sizes": sizes})


def build_event(trial: Trial) -> None:
    """Find the post, or make one with a picture that is really in the store."""
    trial.post = _existing(trial.post_id) if trial.post_id else _sample(trial)
    media = list(sample_post.media_of(trial.post))
    if not media:
        raise StepFailed(_("the post has no stored media"), _("name a post that shows a picture"))
    for one in media:
        if get_store().head(one.s3_key) is None:
            raise StepFailed(
                _("the store has no object %(key)s") % {"key": one.s3_key},
                _("see `verify_storage`, or import the post again"),
            )
    trial.event = _event(trial)
    trial.say(f"  Media SHA256: {media[0].file_sha256}")
    trial.say(f"  S3 Key: {media[0].s3_key}")


def publish(trial: Trial) -> None:
    """Publish the event, if somebody subscribes to it."""
    event = trial.the_event
    if not feature_flags.vision_enabled or not subscriptions.subscribers_of(event):
        raise StepFailed(
            _("nobody subscribes to %(topic)s: FEATURE_VISION_ENABLED is %(flag)s")
            % {"topic": event.topic, "flag": str(feature_flags.vision_enabled).lower()},
            _("set FEATURE_VISION_ENABLED=true and restart web and workers"),
        )
    with transaction.atomic():
        outbox.publish(event)
        trial.row = OutboxEvent.objects.get(
            topic=event.topic, version=event.version, idempotency_key=event.idempotency_key
        )
    trial.facts["event_id"] = trial.row.pk
    length = OutboxEvent.objects.filter(topic=event.topic).count()
    trial.say("  ✅ " + _("Event published: %(id)s") % {"id": trial.row.pk})
    trial.say(f"  Stream length: {length} messages")


def _existing(post_id: UUID) -> Post:
    post = Post.objects.select_related("channel", "tenant").filter(pk=post_id).first()
    if post is None:
        raise StepFailed(
            _("there is no post %(id)s") % {"id": post_id},
            _("take the id of a post from the console, or leave --post-id out"),
        )
    return post


def _sample(trial: Trial) -> Post:
    body = picture.make(secrets.randbits(64))
    return sample_post.create(trial.tenant, body, number=trial.number, now=timezone.now())


def _event(trial: Trial) -> VisionUploadedEventV1:
    """
    Build the event as an import would, under a key of its own: the post's own may be taken.

    Without the time of posting it counts as recent, however old the post is.
    """
    post = trial.the_post
    usual = post_events.uploaded(
        post, sample_post.media_of(post), now=timezone.now(), trace_id=trial.trace_id
    )
    key = f"{usual.idempotency_key}:{trial.trace_id}"
    return usual.model_copy(update={"idempotency_key": key, "posted_at": None})
