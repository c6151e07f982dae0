"""The tables of a store in PostgreSQL: made when they are not there; newer ones are not touched.

One replica at a time looks and makes them. A user without the right to make tables can use those
that are there.
"""

from typing import Final

from psycopg import sql

from guardrails.sidecar.stores.base import StoreError
from guardrails.sidecar.stores.postgres_connections import Connection

SCHEMA: Final = 1
"""Version of the tables; kept beside them."""

_MAKE: Final = sql.SQL("""
CREATE TABLE {s}.runs (
    run text PRIMARY KEY,
    key text NOT NULL,
    policy text NOT NULL,
    created timestamptz NOT NULL,
    changed timestamptz NOT NULL,
    seq bigint NOT NULL,
    number bigint NOT NULL,
    ended boolean NOT NULL,
    upto bigint NOT NULL DEFAULT 0,
    snapshot bytea NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX open_keys ON {s}.runs (key) WHERE key <> '' AND NOT ended;
CREATE INDEX changed_runs ON {s}.runs (ended, changed);
CREATE TABLE {s}.records (
    run text NOT NULL REFERENCES {s}.runs ON DELETE CASCADE,
    seq bigint NOT NULL,
    number bigint NOT NULL,
    event bytea NOT NULL,
    decision bytea NOT NULL,
    token uuid NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE UNIQUE INDEX numbered ON {s}.records (run, number) WHERE number > 0;
CREATE TABLE {s}.kept (
    run text NOT NULL REFERENCES {s}.runs ON DELETE CASCADE,
    name text NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (run, name)
);
CREATE TABLE {s}.store (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL,
    pinged timestamptz NOT NULL
);
""")


def prepare_tables(db: Connection, schema: str, *, shown: str) -> None:
    """Make the tables if they are not there.

    Args:
        db: In autocommit.
        schema: Where they are.
        shown: The store's address, for errors.

    Raises:
        StoreError: They are of a newer version, or the server is a standby.
    """
    (standby,) = db.execute("SELECT pg_is_in_recovery()").fetchone() or (True,)
    if standby:
        raise StoreError(
            f"{shown} is a standby, which cannot be written: name the primary, or several hosts "
            "and target_session_attrs=read-write"
        )
    named = sql.Identifier(schema)
    with db.transaction():
        db.execute(
            "SELECT pg_advisory_xact_lock(hashtext('guarded-agent'), hashtext(%s))", (schema,)
        )
        found = db.execute("SELECT to_regclass(%s)", (f"{named.as_string(None)}.store",)).fetchone()
        if found == (None,):
            if db.execute("SELECT to_regnamespace(%s)", (named.as_string(None),)).fetchone() == (
                None,
            ):
                db.execute(sql.SQL("CREATE SCHEMA {s}").format(s=named))
            db.execute(_MAKE.format(s=named))
            insert = sql.SQL("INSERT INTO {s}.store (version, pinged) VALUES (%s, now())")
            db.execute(insert.format(s=named), (SCHEMA,))
            return
        row = db.execute(sql.SQL("SELECT version FROM {s}.store").format(s=named)).fetchone()
        version = row[0] if row else 0
    if version != SCHEMA:
        raise StoreError(
            f"{shown}: the tables in schema {schema} are of version {version}; this version knows "
            f"{SCHEMA}: update"
        )
