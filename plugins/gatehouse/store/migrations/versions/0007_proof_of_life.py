"""Record heartbeats and drills.

Revision ID: 0007
Revises: 0006
"""
from alembic import op
import sqlalchemy as sa


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('heartbeats',
    sa.Column('monitor_name', sa.String(length=64), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('beat_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('monitor_name', name=op.f('pk_heartbeats'))
    )
    op.create_table('drills',
    sa.Column('drill_id', sa.String(length=36), nullable=False),
    sa.Column('fault_name', sa.String(length=64), nullable=False),
    sa.Column('relation_name', sa.String(length=250), nullable=False),
    sa.Column('seed', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('caught_by_table', sa.String(length=250), nullable=True),
    sa.Column('caught_by_check', sa.String(length=500), nullable=True),
    sa.Column('snapshot_id', sa.BigInteger(), nullable=True),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('duration_seconds', sa.Double(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("outcome in ('caught', 'missed', 'could_not_run')", name=op.f('ck_drills_outcome')),
    sa.PrimaryKeyConstraint('drill_id', name=op.f('pk_drills'))
    )
    op.create_index('ix_drills_started', 'drills', ['started_at'])


def downgrade() -> None:
    op.drop_table('drills')
    op.drop_table('heartbeats')
