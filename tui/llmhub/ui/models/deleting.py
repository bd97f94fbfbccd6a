"""The question before a model is deleted."""

from __future__ import annotations

from llmhub import formats
from llmhub.core.host_jobs import bytes_freed
from llmhub.core.models import InstalledModel
from llmhub.core.plain import one_line
from llmhub.ui.models.rows import ModelRow


def delete_question(row: ModelRow, installed: tuple[InstalledModel, ...]) -> tuple[str, str]:
    """The question, and what follows from yes: bytes that come free, and that it leaves memory first."""
    model = row.model
    freed = bytes_freed(model, installed)
    if not model.place.is_local:
        says = f"It runs in {model.place.words}: only its name goes, nothing is stored here."
    elif freed == 0:
        twins = [one_line(o.name) for o in installed if o.digest == model.digest and o.name != model.name]
        says = f"Nothing comes free: {' and '.join(twins)} {'is' if len(twins) == 1 else 'are'} the same model."
    elif freed is None:
        says = "How much comes free is not known."
    else:
        says = (
            f"{formats.size(freed)} come free ({formats.exact_bytes(freed)}); "
            "less where another model shares some of its layers."
        )
    if row.loaded is not None:
        says += " It is loaded, and is unloaded first."
    return f"Delete {one_line(model.name)}?", says
