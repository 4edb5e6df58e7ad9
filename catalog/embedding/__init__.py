"""Model bundles: which one is in use, running it outside the service, and the features of contents."""
