"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something the user can mend; the message is one line.

    It names the file or flag, what was expected and what was found. Commands print it
    after `error: ` and exit with status 1 (`cli.run`).
    """
