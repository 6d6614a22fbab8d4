"""``python -m cloudnode`` is the command ``cloudnode``."""

from cloudnode.cli.main import main

if __name__ == "__main__":
    main()
