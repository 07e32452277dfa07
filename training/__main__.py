"""``python -m training COMMAND``: hands over to the module that does the work, loaded only when it is asked for."""

from __future__ import annotations

import importlib
import sys

COMMANDS: dict[str, tuple[str, str]] = {
    "sentences": ("training.sentences", "embed the sentences that the teacher is trained with"),
    "teacher": ("training.teach", "train the text-guided teacher"),
    "distill": ("training.distill", "train a student"),
    "together": ("training.together", "train teachers and students side by side on one GPU"),
    "ablate": ("training.ablate", "train students with and without teacher, and compare them"),
    "evaluate": ("training.evaluate", "quality metrics of fused pictures or of a model, beside trivial fusions"),
    "report": ("training.full_report", "everything about a student, and its teacher, in one folder"),
    "prior": ("training.prior", "teach a student's prior on whole pictures"),
    "export": ("training.export", "a student's weights for the engines"),
}
"""Command -> module with ``main(argv) -> exit status``, and a line of help. A new command is a line here."""


def usage() -> str:
    """The list of commands, as printed by ``--help``."""
    lines = [f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: python -m training COMMAND ...", "", "commands (each has --help):", *lines])


def main(argv: list[str]) -> int:
    """Run a command; the process's exit status: 0 done, 1 it failed, 2 bad usage."""
    if argv and argv[0] in ("-h", "--help"):
        print(usage())
        return 0
    if not argv or argv[0] not in COMMANDS:
        problem = f"unknown command {argv[0]!r}" if argv else "a command is needed"
        print(f"python -m training: {problem}; choose from {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    module, _ = COMMANDS[argv[0]]
    return int(importlib.import_module(module).main(argv[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
