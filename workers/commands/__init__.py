"""The subcommands of `pipeline-access`, one file each, loaded when asked for by name."""
