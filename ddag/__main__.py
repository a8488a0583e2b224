"""``python -m ddag``: what the command ``ddag`` does, Tab completion in Bash included."""

import os
import re
import sys

from ddag.start import main

# Hydra's completion knows ``python FILE`` and commands, and takes -m for a flag of its own.
_TYPED = re.compile(r"\s*\S*python\S*\s+-m\s+ddag\b")
_BASH = r"""
ddag_bash_completion()
{
    case "$COMP_LINE" in
        python\ -m\ ddag\ *)
            choices=$(COMP_LINE=$COMP_LINE python -m ddag -sc query=bash)
            COMPREPLY=($(compgen -W "$choices" -- "$2")) ;;
        *) hydra_bash_completion ;;
    esac
}
complete -o nospace -o default -F ddag_bash_completion python
"""

if __name__ == "__main__":
    if "COMP_LINE" in os.environ:
        os.environ["COMP_LINE"] = _TYPED.sub("ddag", os.environ["COMP_LINE"], count=1)
    main()
    if "install=bash" in sys.argv:
        print(_BASH)
