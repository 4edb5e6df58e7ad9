"""An open catalog and its configuration: what every question to the catalog starts from."""

from catalog.config.load import Config
from catalog.store.database import Database


class CatalogContext:
    """An open catalog and its configuration."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.database = Database(config.database, write=False)
