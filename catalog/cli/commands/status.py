"""`catalog status`: how the collection stands."""

from typing import Any

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.embedding.inventory import next_model_summary
from catalog.formatting import printable_text
from catalog.heads.retraining import head_summary as head_told
from catalog.integrity.rejected import NORMAL_DAMAGE_RATE
from catalog.status import collect_status
from catalog.store.volumes import volume_remedy


@click.command("status")
@json_option
@with_catalog
def command(asking: CatalogContext, as_json: bool) -> None:
    """What is known, what is missing, what runs."""
    found = collect_status(asking)
    if as_json:
        echo_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    # rich alone costs as much as all of the reading; `status` is asked often, so plain styles do.
    for name, value, alarm in (
        *_files(found),
        *_derived(found),
        *_head(found["head"]),
        *_roots(found),
        *_damage(found),
        *_backup(found),
        *_service(found),
    ):
        click.echo(
            f"{click.style(f'{name:<12}', fg='cyan')} {click.style(value, fg='red', bold=True) if alarm else value}"
        )


StatusLine = tuple[str, str, bool]


def _files(found: dict[str, Any]) -> list[StatusLine]:
    files = found["files"]
    lines = [("files", f"{files['total']:,}", False)]
    lines += [
        (f"  {state}", f"{files[state]:,}", state == "unreachable")
        for state in ("ok", "rejected", "pending", "gone", "unreachable")
        if files[state] or state == "ok"
    ]
    if found["suspect"]:
        lines.insert(2, ("", f"  {found['suspect']:,} suspect: see `catalog ls --suspect`", False))
    ranked = sorted(found["reasons"].items(), key=lambda item: -item[1])
    lines += [("", f"  {count:,} {reason}", False) for reason, count in ranked]
    if found["rot"]:
        lines.append(("rot", f"{found['rot']:,}: see `catalog damage`", True))
    return [*lines, *_verified(found["verified"])]


def _verified(verified: dict[str, Any]) -> list[StatusLine]:
    share = f"{verified['percent']:g} % within {verified['days']:g} days"
    if not verified["overdue"]:
        return [("verified", share, False)]
    return [
        ("verified", f"{share}; the oldest reading is {verified['oldest']:.0f} days old", True),
        ("", "  run `catalog scrub`; have it run each night, and raise `budget_gb` if that does not do", True),
    ]


def _derived(found: dict[str, Any]) -> list[StatusLine]:
    index, model = found["index"], found["model"]
    behind = f", {index['lag']:,} changes behind" if index["lag"] else ""
    lines = [
        ("vectors", f"{found['vectors']:,}", False),
        ("index", f"{index['size']:,}{behind}", False),
        ("model", f"{model['name']} {model['id']}" if model["id"] else "none yet", False),
    ]
    if model["provider"]:
        attested = f", cosine {model['cosine']:.5f} to its goldens" if model["cosine"] else ""
        lines.append(("  runs on", f"{model['provider']}{attested}", False))
    if model["next"]:
        lines.append(("  next", next_model_summary(model["next"]), False))
        if model["next"]["problem"]:
            lines.append(("", f"  {model['next']['problem']}", True))
    if model["wanted"] and not model["problem"]:
        way = "not taken up yet; should it stay so, see the service's log"
        if not found["daemon"]["running"]:
            way = "start the service, or run `catalogd --once`"
        lines.append(("  wanted", f"{model['wanted']}: {way}", False))
    return lines + [("  " + key, model[key], True) for key in ("warning", "problem") if model[key]]


def _head(head: dict[str, Any]) -> list[StatusLine]:
    if head["state"] == "none":
        return []
    lines = [("head", head_told(head), False)]
    return lines + ([("  problem", head["problem"], True)] if head["problem"] else [])


def _damage(found: dict[str, Any]) -> list[StatusLine]:
    return [
        (
            "damaged",
            f"{printable_text(rate['path'])}: {rate['percent']:.0f} % of {rate['files']:,} images read on {rate['day']}"
            f" are damaged; {NORMAL_DAMAGE_RATE} is normal: look at how they get there",
            True,
        )
        for rate in found["damage"]
        if rate["alarm"]
    ]


def _roots(found: dict[str, Any]) -> list[StatusLine]:
    lines: list[StatusLine] = []
    for root in found["roots"]:
        away = root["state"] != "present"
        word = f" {'is held' if root['held'] else 'is away'}: {root['reason']}" if away else ""
        lines.append((root["kind"], f"{printable_text(root['path'])}{word}", away))
        if root["held"]:
            lines.append(("", f"  {volume_remedy(root['kind'], True)}", True))
    return lines


def _backup(found: dict[str, Any]) -> list[StatusLine]:
    newest = found["backup"]
    word = f"{newest['at'][:16]}, {newest['bytes'] / 1e6:,.1f} MB" if newest["at"] else "none yet"
    return [("backup", word, False), *([("  problem", newest["problem"], True)] if newest["problem"] else [])]


def _service(found: dict[str, Any]) -> list[StatusLine]:
    daemon, watch = found["daemon"], found["watch"]
    word = "running" if daemon["running"] else "not running"
    if daemon.get("in_work") or daemon.get("scanning"):
        word += f", {daemon['in_work']} files in work" + (", scanning" if daemon["scanning"] else "")
    lines = [("service", word, False)]
    if watch and watch["uncovered"]:
        first = watch["uncovered"][0]
        subtrees, path = len(watch["uncovered"]), printable_text(first["path"])
        detail = f"{subtrees} subtrees are not watched but scanned: {path}: {first['why']}"
        lines.append(("  watch", detail, True))
    return lines
