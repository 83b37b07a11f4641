"""What posts do when the file they show is lost or damaged: nothing, but wait for it."""

from django.db.models import QuerySet

from media.models import Channel, MediaObject, Post
from storage_quota import keys
from storage_quota.hooks import Loss, on_loss
from storage_quota.models import ContentType


@on_loss(ContentType.MEDIA)
def read_again(loss: Loss) -> None:
    """
    The next import of the same messages reads their files again, and stores them.

    Post and media object stay. Channels are locked first, as an import does.
    """
    posts = Post.objects.filter(post_media__media_object__in=_shown(loss))
    channels = Channel.objects.filter(pk__in=posts.order_by().values("channel"))
    list(channels.order_by("pk").select_for_update().values_list("pk"))
    Post.objects.filter(pk__in=posts.order_by().values("pk")).update(source_fingerprint="")


def _shown(loss: Loss) -> QuerySet[MediaObject]:
    owners = {owner[1] for key in loss.keys if (owner := keys.owner(key))}
    digests = [keys.content_digest(key) for key in loss.keys]
    return MediaObject.objects.filter(
        tenant__in=owners, file_sha256__in=digests, s3_key__in=loss.keys
    )
