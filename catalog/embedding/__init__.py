"""Which model is in use, running it outside the service, and the features of a content."""
