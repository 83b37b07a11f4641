"""The console's pages of channels, posts, media and imports."""

from media.admin.channels import ChannelAdmin
from media.admin.feeds import ChannelFeedAdmin, ChannelGapAdmin
from media.admin.imports import ImportProblemAdmin, ImportRunAdmin
from media.admin.objects import MediaObjectAdmin
from media.admin.posts import PostAdmin
from media.admin.telegram_accounts import TelegramAccountAdmin

__all__ = [
    "ChannelAdmin",
    "ChannelFeedAdmin",
    "ChannelGapAdmin",
    "ImportProblemAdmin",
    "ImportRunAdmin",
    "MediaObjectAdmin",
    "PostAdmin",
    "TelegramAccountAdmin",
]
