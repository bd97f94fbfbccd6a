"""The command line. Imported only when an argument is given: `llmhub` alone opens the app without it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from llmhub import __version__, bootstrap
from llmhub.cli import ask, bench, costs, doctor, export, fit, host, keys, pull
from llmhub.cli.console import Console
from llmhub.cli.options import Group, session
from llmhub.cli.session import FAILED, INTERRUPTED, MISUSED, OpenWorld, ReaderGone, Session
from llmhub.core.errors import LLMHubError


@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="llmhub")
@click.pass_context
def llmhub(context: click.Context) -> None:
    """Local and cloud models side by side; every turn booked. Without a command: the app."""
    if context.invoked_subcommand is None:
        context.exit(bootstrap.run_app(session(context).flags))


@llmhub.command()
@click.pass_context
def demo(context: click.Context) -> None:
    """Open the app against simulators on this machine: no account, no download."""
    context.exit(bootstrap.run_demo(session(context).flags))


for _command in (
    ask.ask,
    fit.fit,
    bench.bench,
    host.models,
    host.ps,
    pull.pull,
    host.load,
    host.unload,
    costs.cost,
    doctor.doctor,
):
    llmhub.add_command(_command)
for _group in (export.export, keys.keys):
    llmhub.add_command(_group)


def run(arguments: Sequence[str], *, open_world: OpenWorld | None = None, console: Console | None = None) -> int:
    """Do what `arguments` ask; the exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted.

    Args:
        arguments: Without the program's name.
        open_world: Another world, in tests.
        console: Other streams, in tests.
    """
    console = console or Console()
    call = Session(open_world or bootstrap.open_world, console)
    try:
        code = llmhub.main(list(arguments), prog_name="llmhub", standalone_mode=False, obj=call)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as wrong:
        console.note(wrong.format_message())
        return MISUSED
    except click.UsageError as wrong:
        usage = wrong.ctx.get_usage() if wrong.ctx else "Usage: llmhub [OPTIONS] COMMAND"
        console.note(usage)
        path = wrong.ctx.command_path if wrong.ctx else "llmhub"
        subject = wrong.ctx.info_name or "llmhub" if wrong.ctx else "llmhub"
        console.error(LLMHubError(wrong.format_message().rstrip("."), subject, f"see {path} --help"))
        return MISUSED
    except click.ClickException as wrong:
        console.note(wrong.format_message())
        return FAILED
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except LLMHubError as error:
        console.error(error)
        return FAILED
    except (BrokenPipeError, ReaderGone):
        return FAILED
    finally:
        console.close()
