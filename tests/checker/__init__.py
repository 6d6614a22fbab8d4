"""Many clients that hop between nodes which are killed, lag and lie, and a judge who knows the truth.

``python -m tests.checker --help``. Real node processes in the laboratory of network namespaces, fifty sessions of
:class:`cloudnode.client.cloud.Cloud`, and a verdict: nothing lost, doubled or backward, no wrong answer accepted, the
liar named each time.

``client.py``    what one client does: it reads, writes, subscribes, changes node, begins a new session
``trace.py``     what it saw, a line for each event, readable by people
``tapping.py``   what the liar really answered, recorded below the session
``truth.py``     what the log says, by an account of its own (pure)
``judging.py``   the one against the other (pure)
``liar.py``      a real node that lies in one of several ways
``lives.py``     who lies how when, and what happens to whom (pure)
``publisher.py`` who writes besides, so that there is something to be told
``load.py``      a process with clients, of which ``processes.py`` runs some
``run.py``       one run: nodes, faults, clients, verdict
"""
