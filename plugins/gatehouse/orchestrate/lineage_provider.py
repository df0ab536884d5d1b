"""What Airflow's OpenLineage provider calls: `environment` names these classes to it."""

from __future__ import annotations

from typing import Any

from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.extractors.base import BaseExtractor
from openlineage.client.event_v2 import RunEvent
from openlineage.client.facet_v2 import error_message_run
from openlineage.client.transport.transform import EventTransformer

from gatehouse.orchestrate.lineage_notes import noted


class StageExtractor(BaseExtractor):  # type: ignore[misc]
    """Gives the event at the end of a task the datasets that the task noted.

    The event at its start has none: a task that then finds nothing to do has touched nothing.
    """

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        """The class behind ``@task``, which the provider knows by its name alone."""
        return ["_PythonDecoratedOperator"]

    def _execute_extraction(self) -> OperatorLineage:
        return OperatorLineage()

    def extract_on_complete(self, task_instance: Any) -> OperatorLineage:
        """The datasets of a task that has ended, well or not."""
        return noted(task_instance.task_id) or OperatorLineage()


class WithoutErrorText(EventTransformer):
    """Keeps the text of an error in the task's log: that of a failed cast quotes a row."""

    def transform(self, event: Any) -> Any:
        """The event, saying that it failed and not why."""
        facets = event.run.facets if isinstance(event, RunEvent) else None
        if facets and "errorMessage" in facets:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                message="The log of the task says why.", programmingLanguage="python"
            )
        return event
