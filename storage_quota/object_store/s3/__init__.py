"""The adapter for S3; nothing outside of this folder imports botocore or django-storages."""

from storage_quota.object_store.s3.store import S3Store

__all__ = ["S3Store"]
