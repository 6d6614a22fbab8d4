"""The same node for those who run .tac files: twistd -n -y node.tac

Options stand in the environment, as one would give them to `twistd cloudnode`:

    CLOUDNODE_OPTIONS="--datadir ./data --log-format json" twistd -n -y node.tac
"""

import os
import shlex
import sys

from twisted.application.service import Application
from twisted.python.usage import UsageError

from cloudnode.service.maker import Options, makeService

options = Options()
try:
    options.parseOptions(shlex.split(os.environ.get("CLOUDNODE_OPTIONS", "")))
except UsageError as error:
    sys.exit(f"CLOUDNODE_OPTIONS: {error}")

application = Application("cloudnode")
makeService(options).setServiceParent(application)
