"""`python -m linkrisk` is the command `linkrisk`."""

from linkrisk.cli import main

main()
