"""As `stack`, with the profile spark of docker-compose.yml: its cluster builds the tables.

Settings: those of `stack`.
"""

from __future__ import annotations

from stack import measure

if __name__ == "__main__":
    measure("stack_spark", "The production services, as processes, built by Spark", "spark")
