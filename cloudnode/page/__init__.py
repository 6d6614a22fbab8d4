"""What a node serves to browsers: the page that shows the network, and the module ``cloudnode.js`` that it stands on.

The page is plain files in ``files/``, served as they are; there is no build step. What it shows is verified by the
module in the reader's browser. Code that a node serves proves nothing against that node, though, so the page is there
in one file as well, which works from the reader's disk (:mod:`cloudnode.page.download`).
"""
