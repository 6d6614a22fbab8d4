"""Values and their bytes: what is signed, hashed and sent. Nothing here does I/O."""
