"""`python -m hub` is the command `hub`.

Invariant: this and the console script are the only entries: run as a script, a file of the package would put its folder
first on the path, where `hub/queue` hides the standard library's `queue`.
"""

from hub.cli.main import main

if __name__ == "__main__":
    main()
