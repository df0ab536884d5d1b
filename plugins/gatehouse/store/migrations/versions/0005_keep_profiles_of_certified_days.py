"""Keep profiles of certified days.

Revision ID: 0005
Revises: 0004
"""
from alembic import op
import sqlalchemy as sa


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('table_profiles',
    sa.Column('table_name', sa.String(length=250), nullable=False),
    sa.Column('relation_name', sa.String(length=250), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('surface', sa.String(length=250), nullable=False),
    sa.Column('profile', sa.JSON(), nullable=False),
    sa.Column('certificate_id', sa.String(length=36), nullable=False),
    sa.Column('snapshot_id', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificates.certificate_id'], name=op.f('fk_table_profiles_certificate_id')),
    sa.PrimaryKeyConstraint('table_name', 'relation_name', 'day', 'surface', 'snapshot_id', name=op.f('pk_table_profiles'))
    )


def downgrade() -> None:
    op.drop_table('table_profiles')
