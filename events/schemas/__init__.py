"""Schemas of all events. Pydantic only: no Django and no imports from other packages."""

from events.schemas.album_assembled_v1 import AlbumAssembledEventV1
from events.schemas.albums_parsed_v1 import AlbumParsedEventV1
from events.schemas.dlq_message_v1 import DeadLetterEventV1
from events.schemas.event import Event
from events.schemas.posts_crawl_v1 import PostCrawlEventV1
from events.schemas.posts_deletion_v1 import PostDeletionEventV1
from events.schemas.posts_documents_v1 import (
    DocumentResult,
    DocumentsReadEventV1,
    DocumentsRequestedEventV1,
)
from events.schemas.posts_enriched_v1 import PostEnrichedEventV1
from events.schemas.posts_indexed_v1 import PostIndexedEventV1
from events.schemas.posts_parsed_v1 import PostParsedEventV1
from events.schemas.posts_tagged_v1 import PostTaggedEventV1, TaggingMetadata
from events.schemas.posts_vision_analyzed_v1 import (
    Classification,
    SkipReason,
    VisionAnalyzedEventV1,
    VisionResult,
)
from events.schemas.posts_vision_uploaded_v1 import MediaFile, VisionUploadedEventV1
from events.schemas.search_matched_v1 import SearchMatchedEventV1

ALL: tuple[type[Event], ...] = (
    PostParsedEventV1,
    PostDeletionEventV1,
    VisionUploadedEventV1,
    VisionAnalyzedEventV1,
    DocumentsRequestedEventV1,
    DocumentsReadEventV1,
    PostTaggedEventV1,
    AlbumParsedEventV1,
    AlbumAssembledEventV1,
    PostCrawlEventV1,
    PostEnrichedEventV1,
    SearchMatchedEventV1,
    PostIndexedEventV1,
    DeadLetterEventV1,
)

__all__ = [
    "ALL",
    "AlbumAssembledEventV1",
    "AlbumParsedEventV1",
    "Classification",
    "DeadLetterEventV1",
    "DocumentResult",
    "DocumentsReadEventV1",
    "DocumentsRequestedEventV1",
    "Event",
    "MediaFile",
    "PostCrawlEventV1",
    "PostDeletionEventV1",
    "PostEnrichedEventV1",
    "PostIndexedEventV1",
    "PostParsedEventV1",
    "PostTaggedEventV1",
    "SearchMatchedEventV1",
    "SkipReason",
    "TaggingMetadata",
    "VisionAnalyzedEventV1",
    "VisionResult",
    "VisionUploadedEventV1",
]
