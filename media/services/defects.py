"""A picture turned out to be broken when it was read: tell the import that brought it."""

from django.db import transaction

from media.models import ImportProblem, ImportRun, MediaObject, Post, PostMedia
from media.picture_structure import PictureDefect


def record_defect(*, post: Post, sha256: str, defect: PictureDefect, detail: str) -> bool:
    """
    Note the defect at the picture, and add it to the problems of the import that brought it.

    Later imports then name it, too. Idempotent, and False where the problem is recorded already:
    by the import, from the structure of the file, or by an earlier reading. Call it outside of a
    transaction that holds a lock on a post: an import locks media before posts.
    """
    with transaction.atomic():
        shown = (
            PostMedia.objects.filter(post=post, media_object__file_sha256=sha256)
            .select_related("media_object")
            .first()
        )
        if shown is None:
            return False
        MediaObject.objects.filter(pk=shown.media_object_id, defect="").update(defect=defect)
        run = _run_of(post, shown)
        return run is not None and _add_problem(run, post, defect, _named(post, shown, detail))


def _run_of(post: Post, shown: PostMedia) -> ImportRun | None:
    """The import that stored the picture at this post: the last one that had begun by then."""
    begun = ImportRun.objects.filter(tenant=post.tenant_id, started_at__lte=shown.uploaded_at)
    # Locked: two readers of one post record one problem, and no count is lost.
    return begun.select_for_update().order_by("-started_at", "-id").first()


def _named(post: Post, shown: PostMedia, detail: str) -> str:
    return f"{post.media_name or shown.media_object.file_sha256}: {detail}"


def _add_problem(run: ImportRun, post: Post, defect: PictureDefect, detail: str) -> bool:
    name = detail.partition(": ")[0]
    problems = run.problems.filter(code=defect, message_id=post.telegram_message_id)
    if problems.filter(detail__contains=name).exists():
        return False
    ImportProblem.objects.create(
        run=run, code=defect, message_id=post.telegram_message_id, detail=detail[:1000]
    )
    if run.finished_at is not None:  # otherwise the end of the import counts it
        run.summary |= count_problems(run)
        run.save(update_fields=["summary"])
    return True


def count_problems(run: ImportRun) -> dict[str, int]:
    """Counts for the summary: of all problems, and of each defect of pictures that there is."""
    counts = {defect.value: run.problems.filter(code=defect).count() for defect in PictureDefect}
    return {"problems": run.problems.count()} | {code: n for code, n in counts.items() if n}
