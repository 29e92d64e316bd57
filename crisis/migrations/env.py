"""What Alembic runs: the changes, on the connection it is handed. The caller owns the transaction."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.op import f as op_f
from alembic.operations import ops
from sqlalchemy import CheckConstraint, Connection, DefaultClause, Dialect, inspect

from crisis.models import Base
from crisis.models.base import CARRIED_OVER, UtcTime


def plain_types(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own column types as what the database sees: an old change must run when our code has moved on."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    return False


def complete(context: Any, _revision: Any, directives: list[Any]) -> None:
    """Add what autogenerate does not see: a first value for new columns, and rules of tables (CHECK) that changed."""
    if not directives:
        return
    steps = directives[0].upgrade_ops.ops
    pointers_last(steps)
    for change in tuple(steps):
        for one in getattr(change, "ops", ()):
            if not isinstance(one, ops.AddColumnOp) or one.column.nullable:
                continue
            if (source := one.column.info.get(CARRIED_OVER)) is not None:
                one.column.nullable = True
                filled = f"UPDATE {one.table_name} SET {one.column.name} = ({source})"  # noqa: S608 - our own words
                tightened = ops.AlterColumnOp(
                    one.table_name, one.column.name, existing_type=one.column.type, modify_nullable=False
                )
                steps += [ops.ExecuteSQLOp(filled), ops.ModifyTableOps(one.table_name, [tightened])]
            elif one.column.default is not None:
                one.column.server_default = DefaultClause(first_value(one.column.default))
    there = inspect(context.bind)
    for name in there.get_table_names():
        old = {check["name"]: check["sqltext"] for check in there.get_check_constraints(name)}
        new = rules(name, context.bind.dialect)
        changed = sorted(rule for rule in old.keys() & new.keys() if old[rule] != new[rule])
        added = sorted(str(rule) for rule in new.keys() - old.keys() - of_columns(name))
        if changed or added:
            away: list[Any] = [ops.DropConstraintOp(op_f(rule), name, type_="check") for rule in changed]
            anew = [ops.CreateCheckConstraintOp(op_f(rule), name, new[rule]) for rule in (*changed, *added)]
            steps.append(ops.ModifyTableOps(name, away + anew))


def pointers_last(steps: list[Any]) -> None:
    """Foreign keys come when everything else is there: what they point at must be unique by then."""
    for change in tuple(steps):
        if not isinstance(change, ops.ModifyTableOps):
            continue
        keys = [one for one in change.ops if isinstance(one, ops.CreateForeignKeyOp)]
        if keys:
            change.ops = [one for one in change.ops if one not in keys]
            steps.append(ops.ModifyTableOps(change.table_name, keys))


def rules(table: str, dialect: Dialect) -> dict[str | None, str]:
    """The CHECKs our models give a table, by name, as the database writes them."""
    if table not in Base.metadata.tables:
        return {}
    found = (rule for rule in Base.metadata.tables[table].constraints if isinstance(rule, CheckConstraint))
    return {
        str(rule.name): str(rule.sqltext.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).replace(
            f"{table}.", ""
        )
        for rule in found
    }


def of_columns(table: str) -> set[str]:
    """The CHECKs that come with a column of words, by name: whoever adds the column adds them."""
    found = Base.metadata.tables[table].constraints if table in Base.metadata.tables else ()
    return {str(rule.name) for rule in found if isinstance(rule, CheckConstraint) and rule._type_bound}  # noqa: SLF001 - SQLAlchemy tells it nowhere else


def first_value(default: Any) -> str:
    """What rows that are there already get in a new column: the model's own default, when it is a plain value."""
    value = default.arg
    if default.is_callable:
        value = value(None)
    match value:
        case bool():
            return "1" if value else "0"
        case datetime():
            return "1970-01-01 00:00:00+00:00"  # nobody knows any more
        case list() | dict():
            return json.dumps(value)
        case _:
            return str(value)


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite can't change a column, the table is copied; the first change of all only makes tables.
        render_as_batch=not context.config.attributes.get("first", False),
        render_item=plain_types,
        process_revision_directives=complete,
        transactional_ddl=True,  # crisis/db.py says BEGIN itself, so SQLite's table changes roll back too
    )
    context.run_migrations()


run(context.config.attributes["connection"])
