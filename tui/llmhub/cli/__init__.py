"""The commands: the same road and the same ledger as the screens, answered in the terminal.

Data goes to stdout, everything else to stderr. Text of a model, a daemon or a registry is written without control
characters and escapes, also into a pipe (`| cat` and `| less -R` end on a terminal); `--json` carries it exactly,
escaped.
"""
