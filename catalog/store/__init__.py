"""SQLite: connection, schema, migrations, one module per table family."""
