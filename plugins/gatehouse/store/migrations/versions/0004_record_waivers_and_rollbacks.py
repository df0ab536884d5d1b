"""Record waivers and rollbacks.

Revision ID: 0004
Revises: 0003
"""
from alembic import op
import sqlalchemy as sa


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('waivers',
    sa.Column('waiver_id', sa.String(length=36), nullable=False),
    sa.Column('table_name', sa.String(length=250), nullable=False),
    sa.Column('check_name', sa.String(length=500), nullable=False),
    sa.Column('column_name', sa.String(length=250), nullable=True),
    sa.Column('person_name', sa.String(length=250), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('waiver_id', name=op.f('pk_waivers'))
    )
    op.create_index('ix_waivers_table', 'waivers', ['table_name'])
    op.create_table('rollbacks',
    sa.Column('rollback_id', sa.String(length=36), nullable=False),
    sa.Column('table_name', sa.String(length=250), nullable=False),
    sa.Column('root_table_name', sa.String(length=250), nullable=False),
    sa.Column('from_snapshot_id', sa.BigInteger(), nullable=False),
    sa.Column('to_snapshot_id', sa.BigInteger(), nullable=True),
    sa.Column('person_name', sa.String(length=250), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lifted_by_name', sa.String(length=250), nullable=True),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('rollback_id', name=op.f('pk_rollbacks'))
    )
    op.create_index('ix_rollbacks_table', 'rollbacks', ['table_name'])
    with op.batch_alter_table('certificate_checks') as batch:
        batch.add_column(sa.Column('waiver_id', sa.String(length=36), nullable=True))
        batch.create_foreign_key(
            op.f('fk_certificate_checks_waiver_id'), 'waivers', ['waiver_id'], ['waiver_id']
        )


def downgrade() -> None:
    with op.batch_alter_table('certificate_checks') as batch:
        batch.drop_constraint(op.f('fk_certificate_checks_waiver_id'), type_='foreignkey')
        batch.drop_column('waiver_id')
    op.drop_table('rollbacks')
    op.drop_table('waivers')
