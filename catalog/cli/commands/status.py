"""`catalog status`: the state of the collection and the service."""

from typing import TYPE_CHECKING, Literal

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.embedding.inventory import next_model_summary
from catalog.formatting import printable_text
from catalog.heads.retraining import head_summary
from catalog.integrity.rejected import NORMAL_DAMAGE_RATE
from catalog.status import collect_status
from catalog.store.roots import same_marker_text
from catalog.store.volumes import volume_remedy

if TYPE_CHECKING:
    from catalog.json_types.integrity import CoverageJson
    from catalog.json_types.status import HeadStatusJson, ModelStatusJson, StatusJson

StatusLine = tuple[str, str, bool]  # name, value, whether it needs attention
STATES: tuple[Literal["ok", "rejected", "pending", "gone", "unreachable", "dropped", "ignored"], ...] = (
    *("ok", "rejected", "pending", "gone", "unreachable", "dropped", "ignored"),
)


@click.command("status")
@json_option
@with_catalog
def command(context: CatalogContext, as_json: bool) -> None:
    """Show the state of the collection and the service. What needs attention is red.

    \b
    Examples:
      catalog status
      catalog status --json
    """
    status = collect_status(context)
    if as_json:
        echo_json(status)
    else:
        _print(status)


def _print(status: "StatusJson") -> None:
    # Importing rich would take as long as collecting the status, which is run often; click's styles are enough.
    for name, value, alarm in (
        *_files(status),
        *_coverage(status["verified"]),
        *_index(status),
        *_model(status),
        *_head(status["head"]),
        *_roots(status),
        *_damage(status),
        *_backup(status),
        *_service(status),
    ):
        shown = click.style(value, fg="red", bold=True) if alarm else value
        click.echo(f"{click.style(f'{name:<12}', fg='cyan')} {shown}")


def _files(status: "StatusJson") -> list[StatusLine]:
    files = status["files"]
    lines = [("files", f"{files['total']:,}", False)]
    lines += [
        (f"  {state}", f"{files[state]:,}", state == "unreachable") for state in STATES if files[state] or state == "ok"
    ]
    if status["suspect"]:
        lines.insert(2, ("", f"  {status['suspect']:,} suspect: see `catalog ls --suspect`", False))
    by_count = sorted(status["reasons"].items(), key=lambda item: -item[1])
    lines += [("", f"  {count:,} {reason}", False) for reason, count in by_count]
    if status["rot"]:
        lines.append(("rot", f"{status['rot']:,}: see `catalog damage`", True))
    return lines


def _coverage(coverage: "CoverageJson") -> list[StatusLine]:
    share = f"{coverage['percent']:g} % within {coverage['days']:g} days"
    if not coverage["overdue"]:
        return [("verified", share, False)]
    return [
        ("verified", f"{share}; the oldest reading is {coverage['oldest']:.0f} days old", True),
        ("", "  run `catalog scrub` every night; if that is not enough, raise `budget_gb`", True),
    ]


def _index(status: "StatusJson") -> list[StatusLine]:
    index = status["index"]
    behind = f", {index['lag']:,} changes behind" if index["lag"] else ""
    return [("vectors", f"{status['vectors']:,}", False), ("index", f"{index['size']:,}{behind}", False)]


def _model(status: "StatusJson") -> list[StatusLine]:
    model = status["model"]
    lines = [("model", f"{model['name']} {model['id']}" if model["id"] else "none yet", False)]
    if model["provider"]:
        attested = f", cosine {model['cosine']:.5f} to its golden vectors" if model["cosine"] else ""
        lines.append(("  runs on", f"{model['provider']}{attested}", False))
    if model["next"]:
        lines.append(("  next", next_model_summary(model["next"]), False))
        if model["next"]["problem"]:
            lines.append(("", f"  {model['next']['problem']}", True))
    if model["wanted"] and not model["problem"]:
        lines.append(("  wanted", _wanted_model(model, status["daemon"]["running"]), False))
    if model["warning"]:
        lines.append(("  warning", model["warning"], True))
    if model["problem"]:
        lines.append(("  problem", model["problem"], True))
    return lines


def _wanted_model(model: "ModelStatusJson", service_running: bool) -> str:
    if service_running:
        return f"{model['wanted']}: not in use yet; if this persists, see the service's log"
    return f"{model['wanted']}: start the service, or run `catalogd --once`"


def _head(head: "HeadStatusJson") -> list[StatusLine]:
    if head["state"] == "none":
        return []
    lines = [("head", head_summary(head), False)]
    return lines + ([("  problem", head["problem"], True)] if head["problem"] else [])


def _damage(status: "StatusJson") -> list[StatusLine]:
    return [
        (
            "damaged",
            f"{printable_text(rate['path'])}: {rate['percent']:.0f} % of {rate['files']:,} images read on {rate['day']}"
            f" are damaged ({NORMAL_DAMAGE_RATE} is normal): check how images get there",
            True,
        )
        for rate in status["damage"]
        if rate["alarm"]
    ]


def _roots(status: "StatusJson") -> list[StatusLine]:
    lines: list[StatusLine] = []
    for root in status["roots"]:
        absent = root["state"] != "present"
        note = f" {'is held' if root['held'] else 'is absent'}: {root['reason']}" if absent else ""
        lines.append((root["kind"], f"{printable_text(root['path'])}{note}", absent))
        if root["held"]:
            lines.append(("", f"  {volume_remedy(root['kind'], True)}", True))
        if root["same_marker"]:
            lines.append(("", f"  {same_marker_text(root['same_marker'])}", False))
    return lines


def _backup(status: "StatusJson") -> list[StatusLine]:
    newest = status["backup"]
    made = f"{newest['at'][:16]}, {(newest['bytes'] or 0) / 1e6:,.1f} MB" if newest["at"] else "none yet"
    return [("backup", made, False), *([("  problem", newest["problem"], True)] if newest["problem"] else [])]


def _service(status: "StatusJson") -> list[StatusLine]:
    service, watch = status["daemon"], status["watch"]
    state = "running" if service["running"] else "not running"
    if service.get("in_work") or service.get("scanning"):
        state += f", reading {service['in_work']} files" + (", scanning" if service["scanning"] else "")
    lines = [("service", state, bool(service["problem"]) and not service["running"])]
    if service["problem"]:
        lines += [("  problem", printable_text(service["problem"]), True), ("", f"  {service['remedy']}", False)]
    if watch and watch["uncovered"]:
        first, *others = watch["uncovered"]
        count = "1 subtree is" if not others else f"{len(others) + 1} subtrees are"
        detail = f"{count} scanned on a timer instead of watched: {printable_text(first['path'])}: {first['why']}"
        lines.append(("  watch", detail, True))
    return lines
