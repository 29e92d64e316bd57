"""Write the next change: `python -m crisis.migrations "what changes"`, then read it, mend it and test it.

It compares the models with what the changes so far make of an empty SQLite database.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from crisis import migrations
from crisis.db import Database


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit('usage: python -m crisis.migrations "what changes"')
    number = len(list(ScriptDirectory.from_config(migrations.config()).walk_revisions())) + 1
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder, 'empty.db')}")
        migrations.upgrade(database)
        with database.engine.connect() as connection:
            asked = migrations.config()
            asked.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            asked.attributes.update(connection=connection, first=number == 1)
            script = command.revision(asked, sys.argv[1], autogenerate=True, rev_id=f"{number:04}")
        database.close()
    assert script is not None  # noqa: S101 - autogenerate makes one script
    assert not isinstance(script, list)  # noqa: S101
    path = Path(script.path)
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if " ### " not in line))
    if ruff := shutil.which("ruff", path=str(Path(sys.executable).parent)):
        subprocess.run([ruff, "format", "--quiet", path], check=False)  # noqa: S603 - our own file
    sys.stdout.write(f"wrote {path}; read it before you commit it\n")


if __name__ == "__main__":
    main()
