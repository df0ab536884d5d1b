"""The lake past one machine: Spark builds the same models into Iceberg tables."""
