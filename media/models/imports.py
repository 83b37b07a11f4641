"""The imports that were run, and the problems of each."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows


class ImportState(models.TextChoices):
    RUNNING = "running", pgettext_lazy("import", "running")
    DONE = "done", pgettext_lazy("import", "ended")
    INTERRUPTED = "interrupted", pgettext_lazy("import", "interrupted")


class ImportRun(models.Model):
    """
    One run of `import_export` with its summary, which is saved while it runs.

    `worker` is the id of its process in `events.workers.liveness`. `interrupted_at`: an error ended
    the run, or that process was found gone although the run had not ended.
    """

    tenant_path: ClassVar = "tenant"

    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.CASCADE, verbose_name=_("tenant")
    )
    path = models.CharField(_("path"), max_length=1000)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    interrupted_at = models.DateTimeField(_("interrupted at"), null=True, blank=True)
    worker = models.UUIDField(null=True, editable=False)
    summary = models.JSONField(_("summary"), default=dict)

    objects = TenantRows()

    class Meta:
        db_table = "import_runs"
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return self.path

    @property
    def state(self) -> ImportState:
        if self.interrupted_at is not None:
            return ImportState.INTERRUPTED
        return ImportState.RUNNING if self.finished_at is None else ImportState.DONE


class ImportProblem(models.Model):
    """A part of the source that could not be imported."""

    tenant_path: ClassVar = "run__tenant"

    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, related_name="problems", verbose_name=_("import")
    )
    code = models.CharField(_("code"), max_length=64)
    message_id = models.BigIntegerField(_("message id"), null=True, blank=True)
    detail = models.CharField(_("detail"), max_length=1000)

    objects = TenantRows()

    class Meta:
        db_table = "import_problems"
        verbose_name = _("problem of an import")
        verbose_name_plural = _("problems of imports")

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
