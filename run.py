"""The door of a checkout: python run.py dataset=regdb model.part=0.

Hydra's completion for fish passes over a file that does not say @hydra.main, which is in
``ddag/command.py``.
"""

from ddag.start import main

if __name__ == "__main__":
    main()
