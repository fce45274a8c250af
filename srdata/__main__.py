"""`python -m srdata`."""

from srdata.cli import main

if __name__ == "__main__":
    main()
