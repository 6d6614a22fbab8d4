"""What the subcommands do, a module for each; loaded when it is called."""
