"""Pages from the templates that lie beside their modules."""

from __future__ import annotations

from pathlib import Path


def fill(template: Path, **values: object) -> str:
    """The template with these values; whatever words they hold, they cannot become markup."""
    # Only here: --help passes the modules that fill one.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,  # a name that the template has wrong is an error
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)
