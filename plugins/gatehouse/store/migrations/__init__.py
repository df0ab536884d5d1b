"""Migrations of the operational store; `gatehouse.store.schema` runs them."""
