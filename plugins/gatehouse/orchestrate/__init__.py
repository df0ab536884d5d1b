"""Running the pipeline by Airflow: start, follow, stop; and what the DAG tasks call."""
