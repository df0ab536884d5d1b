"""Keep the code of detections.

Revision ID: 0002
Revises: 0001
"""
from alembic import op
import sqlalchemy as sa


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('detection_code',
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('detection_id', sa.String(length=250), nullable=False),
    sa.Column('detection_version', sa.Integer(), nullable=False),
    sa.Column('sql', sa.Text(), nullable=False),
    sa.Column('first_run_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('code_hash', name=op.f('pk_detection_code'))
    )


def downgrade() -> None:
    op.drop_table('detection_code')
