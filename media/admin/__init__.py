"""The console's pages of channels, posts, media and imports."""

from media.admin.channels import ChannelAdmin
from media.admin.imports import ImportProblemAdmin, ImportRunAdmin
from media.admin.objects import MediaObjectAdmin
from media.admin.posts import PostAdmin

__all__ = [
    "ChannelAdmin",
    "ImportProblemAdmin",
    "ImportRunAdmin",
    "MediaObjectAdmin",
    "PostAdmin",
]
