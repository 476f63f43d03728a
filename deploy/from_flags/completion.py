"""The completion of shells: ``python -m deploy.from_flags.completion bash``, ``zsh`` or ``fish``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

from deploy.from_flags.flags import Command, Flag, commands, is_path

_BASH = """\
# Completion of latency-exporter for bash, written from its flags.
_latency_exporter() {{
    # By blanks alone, because words of bash end at = and : too.
    local line=${{COMP_LINE:0:COMP_POINT}} before word words= kind=-W
    word=${{line##*[[:space:]]}}
    read -ra before <<<"${{line%"$word"}}"
    case ${{#before[@]}}:${{before[1]-}} in
    1:) words="{names} "{run} ;;
{commands}
    *) words={run} ;;
    esac
    case $word in
    {paths}) kind=-f words= ;;
{choices}
    esac
    # What stands before the last = or : is not replaced by bash.
    local end=${{word##*[=:]}}
    if [ $kind = -f ]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$end")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        COMPREPLY=("${{COMPREPLY[@]#"${{word%"$end"}}"}}")
        [[ ${{COMPREPLY[0]-}} != *= ]] || compopt -o nospace
    fi
}}
complete -F _latency_exporter latency-exporter
"""
_ZSH = """\
#compdef latency-exporter
# Completion of latency-exporter for zsh, written from its flags.
case ${{words[2]}} in
{commands}
*)
    (( CURRENT == 2 )) && [[ ${{words[2]}} != -* ]] && _describe command '({names})'
    _arguments {run}
    ;;
esac
"""


def bash() -> str:
    """Return the completion of bash, which needs no other file of it."""
    every = commands()
    flags = {flag.name: flag for command in every for flag in command.flags}.values()
    return _BASH.format(
        names=" ".join(command.name for command in every),
        run=_bash_words(every[0]),
        commands="\n".join(f"    *:{command.name}) words={_bash_words(command)} ;;" for command in every),
        paths=" | ".join(f"{flag.name}=*" for flag in flags if is_path(flag.value)),
        choices="\n".join(f"    {flag.name}=*) words={_bash_choices(flag)} ;;" for flag in flags if flag.choices),
    )


def _bash_words(command: Command) -> str:
    flags = (f"{flag.name}=" if flag.value else flag.name for flag in command.flags)
    return f'"{" ".join([*command.words, *flags])}"'


def _bash_choices(flag: Flag) -> str:
    return f'"{" ".join(f"{flag.name}={choice}" for choice in flag.choices)}"'


def zsh() -> str:
    """Return the completion of zsh, a file ``_latency-exporter`` on its ``fpath``."""
    every = commands()
    return _ZSH.format(
        names=" ".join(command.name for command in every),
        run=" ".join(_zsh_flags(every[0])),
        commands="\n".join(_zsh_command(command) for command in every),
    )


def _zsh_command(command: Command) -> str:
    words = [shlex.quote(f"2:{command.argument}:({' '.join(command.words)})")] if command.argument else []
    return f"{command.name})\n    _arguments '1: :' {' '.join([*words, *_zsh_flags(command)])}\n    ;;"


def _zsh_flags(command: Command) -> Iterator[str]:
    for flag in command.flags:
        text = flag.text.replace("[", r"\[").replace("]", r"\]").replace(":", r"\:")
        kind = "_files" if is_path(flag.value) else f"({' '.join(flag.choices)})"
        value = f":{flag.value.replace(':', chr(92) + ':')}:{kind}" if flag.value else ""
        yield shlex.quote(f"*{flag.name}{'=' * bool(flag.value)}[{text}]{value}")


def fish() -> str:
    """Return the completion of fish."""
    every = commands()
    names = " ".join(command.name for command in every)
    lines = ["# Completion of latency-exporter for fish, written from its flags.", "complete -c latency-exporter -f"]
    for command in every:
        no_other = f"not __fish_seen_subcommand_from {names}"
        seen = f"__fish_seen_subcommand_from {command.name}"
        lines.append(_fish(no_other, "-a", command.name, "-d", command.text))
        if command.words:
            lines.append(_fish(seen, "-a", " ".join(command.words)))
        when = f"{no_other}; or {seen}" if command.name == "run" else seen
        lines += [_fish(when, *_fish_flag(flag)) for flag in command.flags]
    return "\n".join([*lines, ""])


def _fish(when: str, *words: str) -> str:
    return shlex.join(["complete", "-c", "latency-exporter", "-n", when, *words])


def _fish_flag(flag: Flag) -> Iterator[str]:
    yield from ("-l", flag.name.removeprefix("--"), "-d", flag.text)
    if is_path(flag.value):
        yield from ("-r", "-F")
    elif flag.value:
        yield "-x"
    if flag.choices:
        yield from ("-a", " ".join(flag.choices))


if __name__ == "__main__":
    sys.stdout.write({"bash": bash, "zsh": zsh, "fish": fish}[sys.argv[1]]())
