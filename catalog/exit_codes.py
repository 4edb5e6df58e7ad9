"""Exit codes of `catalog` and `catalogd`; scripts rely on their values."""

OK = 0
FINDINGS = 1  # the command ran, and found something that needs attention
USAGE = 2  # a wrong command line or configuration
STORE = 3  # the catalog is damaged, locked or of another version
RESOURCE = 4  # the environment: disk full, root absent, no such model, no permission
INTERRUPTED = 130  # 128 + SIGINT
