"""Create the first tables."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('build_runs',
    sa.Column('build_id', sa.String(length=36), nullable=False),
    sa.Column('interval_start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('interval_end_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('is_increment', sa.Boolean(), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('code_version', sa.String(length=64), nullable=False),
    sa.Column('snapshot_id', sa.BigInteger(), nullable=True),
    sa.Column('airflow_dag_id', sa.String(length=250), nullable=True),
    sa.Column('airflow_run_id', sa.String(length=250), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status in ('running', 'succeeded', 'failed')", name=op.f('ck_build_runs_status')),
    sa.PrimaryKeyConstraint('build_id', name=op.f('pk_build_runs'))
    )
    op.create_table('detection_runs',
    sa.Column('detection_run_id', sa.String(length=36), nullable=False),
    sa.Column('detection_id', sa.String(length=250), nullable=False),
    sa.Column('detection_version', sa.Integer(), nullable=False),
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=16), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('is_increment', sa.Boolean(), nullable=False),
    sa.Column('window_start_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('window_end_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('inputs', sa.JSON(), nullable=False),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('found_count', sa.Integer(), nullable=False),
    sa.Column('new_count', sa.Integer(), nullable=False),
    sa.Column('over_budget_count', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("status in ('succeeded', 'failed', 'held')", name=op.f('ck_detection_runs_status')),
    sa.PrimaryKeyConstraint('detection_run_id', name=op.f('pk_detection_runs'))
    )
    with op.batch_alter_table('detection_runs', schema=None) as batch_op:
        batch_op.create_index('ix_detection_runs_detection', ['detection_id', 'window_end_at'], unique=False)

    op.create_table('store_changes',
    sa.Column('change_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('table_name', sa.String(length=250), nullable=False),
    sa.Column('operation', sa.String(length=8), nullable=False),
    sa.Column('row_key', sa.String(length=500), nullable=False),
    sa.Column('row', sa.JSON(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('change_id', name=op.f('pk_store_changes')),
    sqlite_autoincrement=True
    )
    op.create_table('build_nodes',
    sa.Column('build_id', sa.String(length=36), nullable=False),
    sa.Column('unique_id', sa.String(length=500), nullable=False),
    sa.Column('name', sa.String(length=250), nullable=False),
    sa.Column('resource_type', sa.String(length=32), nullable=False),
    sa.Column('table_name', sa.String(length=250), nullable=True),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['build_id'], ['build_runs.build_id'], name=op.f('fk_build_nodes_build_id')),
    sa.PrimaryKeyConstraint('build_id', 'unique_id', name=op.f('pk_build_nodes'))
    )
    op.create_table('certificates',
    sa.Column('certificate_id', sa.String(length=36), nullable=False),
    sa.Column('table_name', sa.String(length=250), nullable=False),
    sa.Column('snapshot_id', sa.BigInteger(), nullable=False),
    sa.Column('build_id', sa.String(length=36), nullable=True),
    sa.Column('interval_start_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('interval_end_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('suite_version', sa.String(length=64), nullable=False),
    sa.Column('result', sa.String(length=16), nullable=False),
    sa.Column('severities', sa.JSON(), nullable=False),
    sa.Column('held_by', sa.JSON(), nullable=False),
    sa.Column('row_count', sa.BigInteger(), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('duration_seconds', sa.Double(), nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("result in ('passed', 'failed', 'could_not_check', 'no_data')", name=op.f('ck_certificates_result')),
    sa.ForeignKeyConstraint(['build_id'], ['build_runs.build_id'], name=op.f('fk_certificates_build_id')),
    sa.PrimaryKeyConstraint('certificate_id', name=op.f('pk_certificates'))
    )
    with op.batch_alter_table('certificates', schema=None) as batch_op:
        batch_op.create_index('ix_certificates_table', ['table_name', 'snapshot_id'], unique=False)

    op.create_table('certificate_checks',
    sa.Column('certificate_id', sa.String(length=36), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('tool', sa.String(length=8), nullable=False),
    sa.Column('name', sa.String(length=500), nullable=False),
    sa.Column('column_name', sa.String(length=250), nullable=True),
    sa.Column('severity', sa.String(length=16), nullable=False),
    sa.Column('result', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('owner', sa.String(length=250), nullable=False),
    sa.Column('observed', sa.JSON(), nullable=False),
    sa.CheckConstraint("result in ('passed', 'failed', 'could_not_check', 'no_data')", name=op.f('ck_certificate_checks_result')),
    sa.CheckConstraint("severity in ('critical', 'warning', 'info')", name=op.f('ck_certificate_checks_severity')),
    sa.CheckConstraint("tool in ('gx', 'dbt', 'gate')", name=op.f('ck_certificate_checks_tool')),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificates.certificate_id'], name=op.f('fk_certificate_checks_certificate_id')),
    sa.PrimaryKeyConstraint('certificate_id', 'position', name=op.f('pk_certificate_checks'))
    )
    op.create_table('published_versions',
    sa.Column('table_name', sa.String(length=250), nullable=False),
    sa.Column('certificate_id', sa.String(length=36), nullable=False),
    sa.Column('snapshot_id', sa.BigInteger(), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificates.certificate_id'], name=op.f('fk_published_versions_certificate_id')),
    sa.PrimaryKeyConstraint('table_name', name=op.f('pk_published_versions'))
    )


def downgrade() -> None:
    op.drop_table('published_versions')
    op.drop_table('certificate_checks')
    with op.batch_alter_table('certificates', schema=None) as batch_op:
        batch_op.drop_index('ix_certificates_table')

    op.drop_table('certificates')
    op.drop_table('build_nodes')
    op.drop_table('store_changes')
    with op.batch_alter_table('detection_runs', schema=None) as batch_op:
        batch_op.drop_index('ix_detection_runs_detection')

    op.drop_table('detection_runs')
    op.drop_table('build_runs')
