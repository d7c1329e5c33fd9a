"""What assay.toml declares, kept as evidence with the basis DECLARED.

It says what there is to look at and which law may apply. Nothing in it is believed: a declaration
leads to FAIL or UNKNOWN, never to PASS. Paths are as they stand in the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from assay.canonical import to_json
from assay.compliance.datasets import shown_path
from assay.compliance.interface import Scene
from assay.vocabulary import Basis, Facts, Method, Observation, Target, TargetKind

KIND = "asset_inventory"


class Declarations:
    """Reads the settings."""

    kinds = (KIND,)

    def observe(self, scene: Scene) -> Iterator[Observation]:
        """One observation of the whole system."""
        settings = scene.settings
        facts: Facts = {
            "organisation": settings.organisation.name,
            "facts": to_json(settings.facts_by_id()),
            "datasets": {
                name: {
                    "source": dataset.source,
                    "files": [
                        shown_path(settings, settings.path(file))
                        for file in (dataset.source, dataset.key_file)
                        if file
                    ],
                    "level": dataset.level,
                    "purposes": list(dataset.purposes),
                }
                for name, dataset in settings.datasets.items()
            },
            "models": {
                name: {
                    "source": model.source,
                    "factory": model.factory,
                    "level": model.level,
                    "exposure": model.exposure,
                    "trained_on": list(model.trained_on),
                    "purposes": list(model.purposes),
                }
                for name, model in settings.models.items()
            },
        }
        yield Observation(
            kind=KIND,
            source="readers.declarations",
            source_version=1,
            method=Method.INTERVIEW,
            target=Target(TargetKind.SYSTEM, settings.organisation.name),
            facts=facts,
            observed_at=scene.now,
            basis=Basis.DECLARED,
        )


MEMBER = Declarations()
