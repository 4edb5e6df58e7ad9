"""The open catalog and its configuration, which most queries take as their first argument."""

from catalog.config.load import Config
from catalog.store.database import Database


class CatalogContext:
    """The catalog, open for reading, and its configuration."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.database = Database(config.database, write=False)
