"""`python -m convexplain` is the command line."""

from convexplain.cli.main import main

if __name__ == "__main__":
    main()
