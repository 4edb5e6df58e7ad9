"""The section on the embedding model: which one answers, how it was attested, and which one is next."""

from typing import TYPE_CHECKING

from catalog.client.process import service_running
from catalog.client.protocol import NO_MODEL_STATE, ModelState
from catalog.client.service import ServiceClient
from catalog.context import CatalogContext
from catalog.embedding.inventory import next_model_progress, next_model_summary
from catalog.report.elements import Baseline, Section
from catalog.report.wording import pluralize
from catalog.store.models import Model, count_live_vectors, current_model

if TYPE_CHECKING:
    from catalog.json_types.report import ModelSectionJson
    from catalog.json_types.status import NextModelJson


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show the model in use, as the service reports it if it runs."""
    running = service_running(context.config.state)
    live = ServiceClient(context.config.state).status() if running else None
    model, following = current_model(context.database), next_model_progress(context.database, live)
    state = live["model"] if live else NO_MODEL_STATE
    vectors = count_live_vectors(context.database, model.id) if model else 0
    problems = [problem for problem in (state["problem"], following and following["problem"]) if problem]
    return Section(
        "Model",
        _headline(model, vectors),
        alarm=" ".join(f"The model: {problem}." for problem in problems),
        lines=(
            *([f"Next: {next_model_summary(following)}"] if following else []),
            *([state["warning"]] if state["warning"] else []),
        ),
        more="catalog doctor" if problems else "",
        record=_record(model, state, vectors, following, running, problems),
    )


def _record(
    model: Model | None,
    state: ModelState,
    vectors: int,
    following: "NextModelJson | None",
    running: bool,
    problems: list[str],
) -> "ModelSectionJson":
    return {
        "id": model.digest if model else None,
        "name": model.name if model else None,
        "provider": (state["provider"] or model.provider or None) if model else None,
        "cosine": (model.cosine or None) if model else None,
        "vectors": vectors,
        "next": following,
        "running": running,
        "problem": " ".join(problems),
    }


def _headline(model: Model | None, vectors: int) -> str:
    if model is None:
        return "No image has been embedded yet"
    attested = f", cosine {model.cosine:.5f} to its golden vectors" if model.cosine else ""
    return f"{model.name} {model.digest}: {pluralize(vectors, 'vector')}{attested}"
