"""Reading OpenLineage events back into the classes that openlineage-python makes them from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    ownership_dataset,
    schema_dataset,
    tags_run,
)
from openlineage.client.generated.lineage import LineageDatasetFacet, LineageDatasetInput


def _list_of(facet: Any, attribute: str, element: Any) -> Callable[..., Any]:
    def make(**values: Any) -> Any:
        return facet(**{attribute: [element(**each) for each in values.pop(attribute)]}, **values)

    return make


_FACETS: dict[str, Callable[..., Any]] = {
    "schema": _list_of(
        schema_dataset.SchemaDatasetFacet, "fields", schema_dataset.SchemaDatasetFacetFields
    ),
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "ownership": _list_of(
        ownership_dataset.OwnershipDatasetFacet, "owners", ownership_dataset.Owner
    ),
    "lineage": _list_of(LineageDatasetFacet, "inputs", LineageDatasetInput),
    "dataQualityAssertions": _list_of(
        data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
        "assertions",
        data_quality_assertions_dataset.Assertion,
    ),
    "dataQualityMetrics": data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "tags": _list_of(tags_run.TagsRunFacet, "tags", tags_run.TagsRunFacetFields),
}


def facet(name: str, values: dict[str, Any]) -> Any:
    """A facet by its name; one of no known name, or with an unknown attribute, is refused."""
    assert values["_producer"].startswith("https://"), name
    assert values["_schemaURL"].startswith("https://openlineage.io/spec/facets/"), name
    return _FACETS[name](**{k: v for k, v in values.items() if not k.startswith("_")})


def _facets(found: dict[str, Any]) -> dict[str, Any]:
    return {name: facet(name, values) for name, values in found.items()}


def inputs(event: dict[str, Any]) -> dict[str, InputDataset]:
    """The inputs of an event by name, each with its facets."""
    return {
        each["name"]: InputDataset(
            each["namespace"],
            each["name"],
            facets=_facets(each.get("facets", {})),
            inputFacets=_facets(each.get("inputFacets", {})),
        )
        for each in event["inputs"]
    }


def outputs(event: dict[str, Any]) -> dict[str, OutputDataset]:
    """The outputs of an event by name, each with its facets."""
    return {
        each["name"]: OutputDataset(
            each["namespace"],
            each["name"],
            facets=_facets(each.get("facets", {})),
            outputFacets=_facets(each.get("outputFacets", {})),
        )
        for each in event["outputs"]
    }


def certificates(event: dict[str, Any]) -> dict[str, str]:
    """Certificate id by core table, from the tags of the run."""
    tags = facet("tags", event["run"]["facets"]["tags"]).tags
    start = "certificate/core."
    return {t.key.removeprefix(start): t.value for t in tags if t.key.startswith(start)}


def assertions(dataset: InputDataset) -> dict[str, Any]:
    """The assertions on a dataset by name."""
    assert dataset.inputFacets is not None
    found: Any = dataset.inputFacets["dataQualityAssertions"]
    return {each.assertion: each for each in found.assertions}
