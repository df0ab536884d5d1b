"""Say what a waiver covers, who ended it, and which kept days rest on it.

Revision ID: 0008
Revises: 0007
"""
from alembic import op
import sqlalchemy as sa


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('waivers') as batch:
        # Of waivers that are there: whatever the check finds.
        batch.add_column(sa.Column('covers', sa.JSON(), nullable=False, server_default='{}'))
        # Of waivers that are there: days that were certified under them are part of the past.
        batch.add_column(
            sa.Column('is_new_level', sa.Boolean(), nullable=False, server_default=sa.true())
        )
        batch.add_column(sa.Column('ended_by_name', sa.String(length=250), nullable=True))
        batch.add_column(sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('table_profiles') as batch:
        batch.add_column(sa.Column('waiver_id', sa.String(length=36), nullable=True))
        batch.create_foreign_key(
            op.f('fk_table_profiles_waiver_id'), 'waivers', ['waiver_id'], ['waiver_id']
        )
    with op.batch_alter_table('rollbacks') as batch:
        batch.alter_column('from_snapshot_id', existing_type=sa.BigInteger(), nullable=True)


def downgrade() -> None:
    op.execute('delete from rollbacks where from_snapshot_id is null')
    with op.batch_alter_table('rollbacks') as batch:
        batch.alter_column('from_snapshot_id', existing_type=sa.BigInteger(), nullable=False)
    with op.batch_alter_table('table_profiles') as batch:
        batch.drop_constraint(op.f('fk_table_profiles_waiver_id'), type_='foreignkey')
        batch.drop_column('waiver_id')
    with op.batch_alter_table('waivers') as batch:
        for name in ('ended_at', 'ended_by_name', 'is_new_level', 'covers'):
            batch.drop_column(name)
