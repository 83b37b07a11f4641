"""What the installation has configured for this room, as the rules that its modules take."""

from django.conf import settings

from crawl.policy import DEFAULT_TAGS, Rules


def is_on() -> bool:
    """Whether links of posts are followed at all."""
    return bool(settings.CRAWL.feature_crawl_enabled)


def rules() -> Rules:
    """The rules of the policy."""
    one = settings.CRAWL
    return Rules(
        tags=frozenset(one.names("crawl_trigger_tags") or DEFAULT_TAGS),
        min_words=one.crawl_min_word_count,
        min_chars=one.crawl_min_text_length,
        denied=frozenset(one.names("crawl_deny_hosts")),
        allowed=frozenset(one.names("crawl_allow_hosts")),
        most_links=one.crawl_links_per_post,
    )
