"""The page's files and how they are served."""
