"""The workspace: every use case once, in async form, with a sync facade made from it."""

from pathlib import Path

from convexplain.store import RunStore

from .blocking import blocking
from .methods.analyses import AnalysisMethods
from .methods.audit import AuditMethods
from .methods.comparisons import ComparisonMethods
from .methods.connections import ConnectionMethods
from .methods.distillation import DistillationMethods
from .methods.explanations import ExplanationMethods
from .methods.installation import InstallationMethods
from .methods.labels import LabelMethods
from .methods.prompts import PromptMethods
from .methods.runs import RunMethods
from .methods.themes import ThemeMethods
from .methods.turns import TurnMethods


class AsyncWorkspace(
    RunMethods,
    AnalysisMethods,
    ComparisonMethods,
    TurnMethods,
    LabelMethods,
    PromptMethods,
    DistillationMethods,
    ExplanationMethods,
    ThemeMethods,
    ConnectionMethods,
    InstallationMethods,
    AuditMethods,
):
    """Everything that convexplain does, on one store.

    Args:
        db: SQLAlchemy URL or SQLite file of the run store, or an open store; None takes `CONVEXPLAIN_DB`, else
            convexplain.db in the user's data folder; `"memory"` keeps nothing, for one judgement or explanation.
    """


class Workspace:
    """Everything that convexplain does, on one store: `AsyncWorkspace` for callers without an event loop.

    In a notebook, whose event loop runs, the methods work too, and wait.

    Args:
        db: as of `AsyncWorkspace`.
    """

    def __init__(self, db: str | Path | RunStore | None = None) -> None:
        self.wrapped = AsyncWorkspace(db)

    @property
    def store(self) -> RunStore:
        """The run store, opened at first use."""
        return self.wrapped.store

    def close(self) -> None:
        """Give back the store's connections, where it was opened here."""
        self.wrapped.close()

    runs = blocking(AsyncWorkspace.runs)
    run = blocking(AsyncWorkspace.run)
    name_run = blocking(AsyncWorkspace.name_run)
    import_run = blocking(AsyncWorkspace.import_run)
    retry = blocking(AsyncWorkspace.retry)
    plan_deletion = blocking(AsyncWorkspace.plan_deletion)
    delete_run = blocking(AsyncWorkspace.delete_run)
    redact_run = blocking(AsyncWorkspace.redact_run)
    compare = blocking(AsyncWorkspace.compare)
    changed_turns = blocking(AsyncWorkspace.changed_turns)
    compare_themes = blocking(AsyncWorkspace.compare_themes)
    inspect_logs = blocking(AsyncWorkspace.inspect_logs)
    import_logs = blocking(AsyncWorkspace.import_logs)
    analyze = blocking(AsyncWorkspace.analyze)
    plan = blocking(AsyncWorkspace.plan)
    story = blocking(AsyncWorkspace.story)
    report = blocking(AsyncWorkspace.report)
    check_model = blocking(AsyncWorkspace.check_model)
    release_models = blocking(AsyncWorkspace.release_models)
    judge = blocking(AsyncWorkspace.judge)
    what_if = blocking(AsyncWorkspace.what_if)
    keep_edit = blocking(AsyncWorkspace.keep_edit)
    contrast = blocking(AsyncWorkspace.contrast)
    attribute = blocking(AsyncWorkspace.attribute)
    triage = blocking(AsyncWorkspace.triage)
    label = blocking(AsyncWorkspace.label)
    remove_label = blocking(AsyncWorkspace.remove_label)
    label_progress = blocking(AsyncWorkspace.label_progress)
    validate = blocking(AsyncWorkspace.validate)
    plan_validation = blocking(AsyncWorkspace.plan_validation)
    benchmark = blocking(AsyncWorkspace.benchmark)
    plan_benchmark = blocking(AsyncWorkspace.plan_benchmark)
    check_injection = blocking(AsyncWorkspace.check_injection)
    trust = blocking(AsyncWorkspace.trust)
    calibrate = blocking(AsyncWorkspace.calibrate)
    calibrations = blocking(AsyncWorkspace.calibrations)
    remove_calibration = blocking(AsyncWorkspace.remove_calibration)
    measure_noise = blocking(AsyncWorkspace.measure_noise)
    train_head = blocking(AsyncWorkspace.train_head)
    distill = blocking(AsyncWorkspace.distill)
    plan_distillation = blocking(AsyncWorkspace.plan_distillation)
    contrast_prompt = blocking(AsyncWorkspace.contrast_prompt)
    contrast_prompts = blocking(AsyncWorkspace.contrast_prompts)
    explain = blocking(AsyncWorkspace.explain)
    plan_explain = blocking(AsyncWorkspace.plan_explain)
    explain_turns = blocking(AsyncWorkspace.explain_turns)
    plan_explanations = blocking(AsyncWorkspace.plan_explanations)
    themes = blocking(AsyncWorkspace.themes)
    plan_themes = blocking(AsyncWorkspace.plan_themes)
    stored_themes = blocking(AsyncWorkspace.stored_themes)
    theme_turns = blocking(AsyncWorkspace.theme_turns)
    rename_theme = blocking(AsyncWorkspace.rename_theme)
    merge_themes = blocking(AsyncWorkspace.merge_themes)
    split_theme = blocking(AsyncWorkspace.split_theme)
    add_to_theme = blocking(AsyncWorkspace.add_to_theme)
    pin_theme = blocking(AsyncWorkspace.pin_theme)
    unpin_theme = blocking(AsyncWorkspace.unpin_theme)
    theme_rubric = blocking(AsyncWorkspace.theme_rubric)
    fidelity = blocking(AsyncWorkspace.fidelity)
    export = blocking(AsyncWorkspace.export)
    check_pair = blocking(AsyncWorkspace.check_pair)
    plan_export = blocking(AsyncWorkspace.plan_export)
    connections = blocking(AsyncWorkspace.connections)
    add_connection = blocking(AsyncWorkspace.add_connection)
    test_connection = blocking(AsyncWorkspace.test_connection)
    set_default_connection = blocking(AsyncWorkspace.set_default_connection)
    remove_connection = blocking(AsyncWorkspace.remove_connection)
    doctor = blocking(AsyncWorkspace.doctor)
    audit_log = blocking(AsyncWorkspace.audit_log)
