"""`assay demo`: the whole job on real inputs that assay brings along."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli._shared import json_option, say


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("assay-demo"))
@click.option(
    "--depth", type=click.Choice(["quick", "standard", "full"]), default="quick", show_default=True
)
@json_option
def demo(folder: Path, depth: str, json_file: str | None) -> int:
    """Make a clinic with two models and a patient table in FOLDER, and assess it.

    Nothing is downloaded. The people are generated and labelled so; the measurements, the digits,
    the models and everything that is found are real. A second run uses what the first kept.
    """
    from assay.cli.assess import carry_out
    from assay.errors import MissingExtra

    try:
        from assay.demo.workspace import make_workspace

        made = make_workspace(folder, lambda what: say(f"Making {what}", err=True))
    except ImportError as error:
        library = str(error.name).partition(".")[0]
        raise MissingExtra("The demo", extra="demo", library=library) from error
    if not made:
        say(f"{folder} is there from before.", err=True)
    _record_training(folder)
    return carry_out(folder, depth=depth, json_file=json_file)


def _record_training(folder: Path) -> None:
    """An event for each model that was trained; the same model again adds nothing."""
    from assay.audit_log.caller import from_client
    from assay.audit_log.entry import new_event
    from assay.bootstrap import actor_of, open_log_for_writing, utc_now
    from assay.canonical import file_digest
    from assay.settings import read_settings
    from assay.vocabulary import Target, TargetKind

    settings = read_settings(folder)
    with open_log_for_writing(settings) as log:
        events = []
        for name, model in settings.models.items():
            digest = file_digest(settings.path(model.source))
            event = new_event(
                "model_update",
                occurred_at=utc_now(),
                actor=actor_of(settings),
                action="train",
                target=Target(TargetKind.MODEL, name, digest),
                detail={"trained_on": list(model.trained_on)},
                event_id=f"demo/{name}/{digest}",
            )
            events.append(from_client(event))
        log.keep(events)
