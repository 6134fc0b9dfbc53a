"""Section of a page about one run: what to do next, and how the run was made."""

from tfapp.report.markup import Section, command, moment, paragraph, table


def next_section(run, steps, facts=()) -> Section:
    """Return the `Section` of the commands to try next, and of how a run was made.

    Args:
        run: `tfapp.runs.run.Run`, whose record has `created`, `versions`, `command` and the fingerprint of its data.
        steps: Dictionary from what a command is for to the command line.
        facts: Further pairs of texts on how it was made.
    """
    items = "".join(f"<li>{paragraph(text)}{command(line)}</li>" for text, line in steps.items())
    rows = [
        ["Folder", run.path],
        ["Begun", moment(run.record["created"])],
        ["Versions", ", ".join(f"{name} {number}" for name, number in run.record["versions"].items())],
        *map(list, facts),
        ["Data fingerprint", run.record["data"]["fingerprint"][:16]],
    ]
    made = f"{table(['', 'this run'], rows, kind='text')}{paragraph('The same run again:')}"
    body = f"<ol>{items}</ol>{made}{command(run.record['command'])}"
    return Section("next", "Go on", "To go on, and how this run was made", body)
