"""The command `reelsight`; each subcommand's module is loaded only when it is called, so that `serve` needs no numpy."""

from importlib import import_module

import click

from pipeline.errors import ReelsightError

COMMANDS = {
    "serve": "api.commands.serve:serve",
    "api": "api.commands.processes:api",
    "worker": "api.commands.processes:worker",
    "beat": "api.commands.processes:beat",
    "flower": "api.commands.processes:flower",
    "workers": "api.commands.workers:workers",
    "alive": "api.commands.workers:alive",
    "join": "api.commands.join:join",
    "machines": "api.commands.machines:machines",
    "keys": "api.commands.keys:keys",
    "database": "api.commands.database:database",
    "jobs": "api.commands.jobs:jobs",
    "notifications": "api.commands.notifications:notifications",
    "doctor": "api.commands.doctor:doctor",
    "models": "api.commands.models:models",
    "labels": "api.commands.labels:labels",
    "collections": "workers.commands.collections:collections",
    "celebrities": "workers.commands.celebrities:celebrities",
    "analyze": "workers.commands.analyze:analyze",
}


class LazyGroup(click.Group):
    """A group whose commands are imported on use. Source: click's documentation, "Lazily Loading Subcommands"."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command; errors that Reelsight can name become one line, not a traceback."""
        try:
            return super().invoke(ctx)
        except ReelsightError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="reelsight")
def main() -> None:
    """Self-hosted video analysis that speaks the Amazon Rekognition API."""


if __name__ == "__main__":
    main()
