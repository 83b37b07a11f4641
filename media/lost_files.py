"""A stored file is lost or damaged: make the next import store it again."""

from django.db.models import QuerySet

from media.models import Channel, MediaObject, Post
from storage_quota import keys
from storage_quota.hooks import Loss, on_loss
from storage_quota.models import ContentType


@on_loss(ContentType.MEDIA)
def reset_source_fingerprints(loss: Loss) -> None:
    """
    Forget the source fingerprint of the posts that show the lost file.

    So the next import of the same messages takes them for changed, and reads and stores their
    files. Posts and media objects stay.
    """
    posts = Post.objects.filter(post_media__media_object__in=_shown(loss))
    channels = Channel.objects.filter(pk__in=posts.order_by().values("channel"))
    # Channels are locked first and by id, in the order of an import: no deadlock between the two.
    list(channels.order_by("pk").select_for_update().values_list("pk"))
    Post.objects.filter(pk__in=posts.order_by().values("pk")).update(source_fingerprint="")


def _shown(loss: Loss) -> QuerySet[MediaObject]:
    owners = {owner[1] for key in loss.keys if (owner := keys.owner(key))}
    digests = [keys.content_digest(key) for key in loss.keys]
    return MediaObject.objects.filter(
        tenant__in=owners, file_sha256__in=digests, s3_key__in=loss.keys
    )
