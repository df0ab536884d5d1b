"""Record incidents.

Revision ID: 0006
Revises: 0005
"""
from alembic import op
import sqlalchemy as sa


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('incidents',
    sa.Column('incident_id', sa.String(length=36), nullable=False),
    sa.Column('cause_key', sa.String(length=500), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('severity', sa.String(length=16), nullable=False),
    sa.Column('subject_name', sa.String(length=500), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('owner', sa.String(length=250), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_count', sa.Integer(), nullable=False),
    sa.Column('alerted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('acknowledged_by_name', sa.String(length=250), nullable=True),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('snoozed_by_name', sa.String(length=250), nullable=True),
    sa.Column('snoozed_until_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('snooze_reason', sa.Text(), nullable=True),
    sa.Column('escalated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('resolution', sa.String(length=64), nullable=True),
    sa.CheckConstraint("kind in ('data', 'infrastructure', 'pipeline', 'channel', 'silence')", name=op.f('ck_incidents_kind')),
    sa.CheckConstraint("severity in ('critical', 'warning')", name=op.f('ck_incidents_severity')),
    sa.CheckConstraint("state in ('open', 'acknowledged', 'resolved')", name=op.f('ck_incidents_state')),
    sa.PrimaryKeyConstraint('incident_id', name=op.f('pk_incidents'))
    )
    op.create_index(
        'uq_incidents_open', 'incidents', ['cause_key'], unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_table('alert_deliveries',
    sa.Column('delivery_id', sa.String(length=36), nullable=False),
    sa.Column('incident_id', sa.String(length=36), nullable=False),
    sa.Column('channel_name', sa.String(length=64), nullable=False),
    sa.Column('event', sa.String(length=16), nullable=False),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('error_kind', sa.String(length=64), nullable=True),
    sa.Column('attempt_count', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('claimed_until_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("event in ('opened', 'repeated', 'escalated', 'resolved')", name=op.f('ck_alert_deliveries_event')),
    sa.CheckConstraint("outcome in ('waiting', 'sent', 'failed', 'left_out')", name=op.f('ck_alert_deliveries_outcome')),
    sa.ForeignKeyConstraint(['incident_id'], ['incidents.incident_id'], name=op.f('fk_alert_deliveries_incident_id')),
    sa.PrimaryKeyConstraint('delivery_id', name=op.f('pk_alert_deliveries'))
    )
    op.create_index('ix_alert_deliveries_outcome', 'alert_deliveries', ['outcome'])
    op.create_index('ix_alert_deliveries_incident', 'alert_deliveries', ['incident_id'])


def downgrade() -> None:
    op.drop_table('alert_deliveries')
    op.drop_table('incidents')
