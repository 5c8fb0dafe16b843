"""`python -m warpmix` is the `warpmix` command."""

from warpmix.cli import main

if __name__ == "__main__":
    main()
