"""The imports that were run, and the problems of each."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ImportRun(models.Model):
    """One run of `import_export` with its summary."""

    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.CASCADE, verbose_name=_("tenant")
    )
    path = models.CharField(_("path"), max_length=1000)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    summary = models.JSONField(_("summary"), default=dict)

    class Meta:
        db_table = "import_runs"
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return self.path


class ImportProblem(models.Model):
    """A part of the source that could not be imported."""

    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, related_name="problems", verbose_name=_("import")
    )
    code = models.CharField(_("code"), max_length=64)
    message_id = models.BigIntegerField(_("message id"), null=True, blank=True)
    detail = models.CharField(_("detail"), max_length=1000)

    class Meta:
        db_table = "import_problems"
        verbose_name = _("problem of an import")
        verbose_name_plural = _("problems of imports")

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
