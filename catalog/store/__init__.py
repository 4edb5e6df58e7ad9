"""SQLite: connection, schema, migrations, one module per family of tables."""
