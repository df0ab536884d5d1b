"""The ``gatehouse`` command: what DAGs do, from the shell."""
