"""The network that embeds: which one, how well it is attested, and what follows it."""

from typing import Any

from catalog.client.process import service_running
from catalog.client.protocol import NO_MODEL_STATE
from catalog.client.service import ServiceClient
from catalog.context import CatalogContext
from catalog.embedding.inventory import next_model_progress, next_model_summary
from catalog.report.elements import Baseline, Section
from catalog.report.wording import pluralize
from catalog.store.models import Model, current_model


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """What answers now, asked of the service where one runs."""
    works = service_running(asking.config.state)
    live = ServiceClient(asking.config.state).status() if works else None
    model, following = current_model(asking.database), next_model_progress(asking.database, live)
    said = live["model"] if live else NO_MODEL_STATE
    vectors = _vectors(asking, model)
    problems = [word for word in (said["problem"], following and following["problem"]) if word]
    warning = [said["warning"]] if said["warning"] else []
    return Section(
        "Model",
        _headline(model, vectors),
        alarm=" ".join(f"The model: {word}." for word in problems),
        lines=(
            "The service is running" if works else "No service is running",
            *([f"Next: {next_model_summary(following)}"] if following else []),
            *warning,
        ),
        more="catalog doctor" if problems else "",
        record={
            "id": model.digest if model else None,
            "name": model.name if model else None,
            "provider": (said["provider"] or model.provider or None) if model else None,
            "cosine": (model.cosine or None) if model else None,
            "vectors": vectors,
            "next": following,
            "running": works,
            "problem": " ".join(problems),
        },
    )


def _vectors(asking: CatalogContext, model: Model | None) -> int:
    sql = "SELECT count(*) FROM vector WHERE model = ? AND live = 1"
    found: Any = asking.database.value(sql, model.id) if model else 0
    return int(found)


def _headline(model: Model | None, vectors: int) -> str:
    if model is None:
        return "Nothing is embedded yet"
    attested = f", cosine {model.cosine:.5f} to its goldens" if model.cosine else ""
    return f"{model.name} {model.digest}: {pluralize(vectors, 'vector')}{attested}"
