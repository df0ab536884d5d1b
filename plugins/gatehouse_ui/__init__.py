"""Gatehouse's pages inside the Airflow UI."""
