"""The command line. Each command is thin: it names its options and calls the module that does the work.

Nothing heavy is imported before a command runs. Exit codes: 0 all holds, 1 something does not, 2 the
input is wrong.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sametick.failure import Mistake, complaint, complaint_json, print_complaint
from sametick.live_peers import Peers


class _Commands(TyperGroup):
    """Turns a user's mistake, in whatever command, into three lines and exit code 2; a finding, 1.

    The context is Any: which class it has depends on whether typer carries a click of its own.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            found = complaint(error)
            if found is None:
                raise
            if ctx.meta.get(_JSON_KEY):
                typer.echo(complaint_json(found))
            else:
                from rich.console import Console

                print_complaint(found, Console(stderr=True, highlight=False))
            raise typer.Exit(found.status) from None


class Profile(StrEnum):
    """Of `sametick fuzz`; netsim.fuzz says what they mean."""

    QUICK = "quick"
    NIGHTLY = "nightly"
    SOAK = "soak"


_JSON_KEY = "sametick.json"  # set by --json, so that a mistake is told in JSON as well

app = typer.Typer(
    cls=_Commands,
    name="sametick",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A rollback-netcode testbed: 2 to 8 players, a bad network, equal data. Start with: sametick demo",
)


def _remember_json(ctx: typer.Context, value: bool) -> bool:
    ctx.meta[_JSON_KEY] = value
    return value


Json = Annotated[
    bool, typer.Option("--json", help="Print JSON and nothing else.", callback=_remember_json, is_eager=True)
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, max=2**31 - 1, help="Instead of the scenario's own.")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from rollback_core import __version__

        typer.echo(f"sametick {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def sim(
    scenario: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A file, or a name from: sametick scenarios.")
    ],
    seed: Seed = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="A..B", help="Run each, a row each.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Change a value: session.input_delay_frames=3, network.path.*.delay_ms=80.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write tables and result here.")
    ] = None,
    is_json: Json = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Also write trace.json for a timeline viewer.")
    ] = False,
    patch: Annotated[
        str | None, typer.Option("--patch", metavar="NAME", help="Plant a known bug in the core first.")
    ] = None,
) -> None:
    """Run a scenario and say what happened. Exit 1 if an oracle or an expectation does not hold."""
    from sametick.sim_command import parse_seeds, simulate_many, simulate_one
    from sametick.simulation_run import RunRequest

    if seed is not None and seeds is not None:
        raise Mistake("two ways to choose seeds", "--seed and --seeds", "give one of them")
    request = RunRequest(source=scenario, overrides=tuple(settings or ()), patch=patch, is_traced=trace)
    if seeds is None:
        raise typer.Exit(simulate_one(request, seed=seed, out=out, is_json=is_json))
    raise typer.Exit(simulate_many(request, seeds=parse_seeds(seeds), out=out, is_json=is_json))


@app.command()
def fuzz(
    profile: Annotated[
        Profile,
        typer.Option(
            "--profile",
            help="quick: 1,500 cases of up to 4 players; nightly: 100,000 of up to 8; soak: until stopped.",
        ),
    ] = Profile.QUICK,
    cases: Annotated[int | None, typer.Option("--cases", min=1, help="So many instead.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.1, help="At most so long; the cases may end it sooner.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same cases.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = os.cpu_count() or 1,
    patch: Annotated[
        str | None, typer.Option("--patch", metavar="NAME", help="Plant a known bug in the core first.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", help="The result is written here, and a failing scenario, made small."
        ),
    ] = Path("out/fuzz"),
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Also write a summary in Markdown.")
    ] = None,
    is_json: Json = False,
) -> None:
    """Play scenarios that nobody thought of. Exit 1 with a small scenario file if a law breaks.

    Exit 1 also if cases could not be played, or if a whole profile never met what it must.
    """
    from sametick.fuzz_command import FuzzRequest, fuzz_many

    request = FuzzRequest(
        profile=profile,
        cases=cases,
        minutes=minutes,
        seed=seed,
        jobs=jobs,
        patch=patch,
        out=out,
        page=page,
    )
    raise typer.Exit(fuzz_many(request, is_json=is_json))


class Engine(StrEnum):
    """Of `sametick sweep`: who plays the cells."""

    LOCAL = "local"
    DASK = "dask"


@app.command()
def sweep(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A shipped plan, or a TOML file.")],
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = os.cpu_count() or 1,
    shard: Annotated[str, typer.Option("--shard", metavar="K/N", help="Play the K-th of N parts.")] = "1/1",
    engine: Annotated[Engine, typer.Option("--engine", help="This machine or a cluster.")] = Engine.LOCAL,
    address: Annotated[
        str | None, typer.Option("--address", metavar="URL", help="The Dask scheduler's.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Left out: out/sweep/PLAN.")
    ] = None,
    is_json: Json = False,
) -> None:
    """Play a scenario over a grid of settings. Cells that are in DIR already are not played again.

    Exit 1 if a run does not hold, or if a cell could not be played.
    """
    from sametick.sweep_command import SweepRequest, parse_shard
    from sametick.sweep_command import sweep as play_plan

    if (engine is Engine.DASK) != (address is not None):
        raise Mistake("a Dask cluster has an address", "--engine dask --address URL", "give both or neither")
    folder = out or Path("out/sweep") / Path(plan).stem
    request = SweepRequest(plan=plan, jobs=jobs, shard=parse_shard(shard), address=address, out=folder)
    raise typer.Exit(play_plan(request, is_json=is_json))


@app.command()
def mutants(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Planted bugs; left out: all of them.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = os.cpu_count() or 1,
    hunts: Annotated[int, typer.Option("--hunts", min=1, max=9, help="Seeds to hunt each bug with.")] = 3,
    cases: Annotated[
        int, typer.Option("--cases", min=1, help="A bug that lives through so many survives.")
    ] = 5_000,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The result is written here, for: sametick report.")
    ] = Path("out/mutants"),
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Also write its tables in Markdown.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option("--corpus", metavar="DIR", help="Write each bug's small scenario here.")
    ] = None,
    is_json: Json = False,
) -> None:
    """Plant known bugs in the core, one at a time, and hunt each with the fuzzer. Exit 1 if one survives."""
    from sametick.mutants_command import MutantsRequest, hunt_many

    request = MutantsRequest(
        names=tuple(names or ()),
        jobs=jobs,
        hunts=hunts,
        cases=cases,
        out=out,
        page=page,
        corpus=corpus,
    )
    raise typer.Exit(hunt_many(request, is_json=is_json))


@app.command()
def compare(
    left: Annotated[Path, typer.Argument(metavar="A", help="A CSV export or a result folder.")],
    right: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    is_json: Json = False,
) -> None:
    """Are two exports equal? Exit 1 with the first difference; 2 if they cannot be compared."""
    from sametick.compare_command import compare_paths

    raise typer.Exit(compare_paths(left, right, is_json=is_json))


@app.command()
def replay(
    path: Annotated[Path, typer.Argument(metavar="DIR|inputs.json", help="A result folder or its inputs.")],
    to: Annotated[int | None, typer.Option("--to", metavar="FRAME", help="Stop before this frame.")] = None,
    is_json: Json = False,
) -> None:
    """Simulate recorded inputs again and verify the recorded rows against it."""
    from sametick.replay_command import replay_path

    raise typer.Exit(replay_path(path, to_frame=to, is_json=is_json))


@app.command()
def check(
    game: Annotated[
        str, typer.Argument(metavar="GAME", help='A registered id, "module:attr" or "path.py:attr".')
    ],
    params: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the game.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames to play.")] = 600,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Of actions and resets.")] = 1,
    is_json: Json = False,
) -> None:
    """Is a game fit for rollback? Exit 1 with the first counterexample."""
    parsed = _parsed(params or [])
    from rollback_core.errors import UsageError
    from sametick.check import run

    try:
        code = run(game, parsed, frames, seed, is_json)
    except UsageError as error:
        raise Mistake(str(error), game, "see: sametick check --help") from None
    raise typer.Exit(code)


def _parsed(settings: list[str]) -> dict[str, int | str | bool]:
    """ "episodes=3" → {"episodes": 3}; true and false are booleans, what is no number is a word."""
    words: dict[str, bool] = {"true": True, "false": False}
    parsed: dict[str, int | str | bool] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise Mistake(f'"{text}" sets nothing', "--set", "write it like layout=ring")
        is_number = value.removeprefix("-").isdecimal()
        parsed[name] = int(value) if is_number else words.get(value, value)
    return parsed


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from sametick.scenario_commands import print_schema

    raise typer.Exit(print_schema())


@app.command()
def scenarios(is_json: Json = False) -> None:
    """List the scenarios that ship with sametick."""
    from sametick.scenario_commands import list_scenarios

    raise typer.Exit(list_scenarios(is_json=is_json))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that --out named.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Instead of DIR/report.html.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="DIR", help="An earlier campaign: what has changed?")
    ] = None,
) -> None:
    """Write one HTML file about a run, a campaign, fuzzing or planted bugs; it opens offline."""
    from sametick.report_command import write_page

    raise typer.Exit(write_page(folder, out, against))


@app.command()
def timeline(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Of a run with --trace.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Instead of DIR/trace.pftrace.")
    ] = None,
) -> None:
    """Convert a run's timeline for Perfetto, which opens trace.json as well, but slower."""
    from sametick.report_command import write_timeline

    raise typer.Exit(write_timeline(folder, out))


@app.command("live-run")
def live_run(
    scenarios: Annotated[
        list[str], typer.Argument(metavar="FILE|NAME…", help="As for sametick sim; events on paths only.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Write tables and results here.")],
    seed: Seed = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change one value.")
    ] = None,
    peers: Annotated[
        Peers, typer.Option("--peers", help="aiortc peers, pages of Chromium, or one page among peers.")
    ] = Peers.HEADLESS,
    is_compared: Annotated[
        bool, typer.Option("--compare", help="Simulate too, and write both side by side.")
    ] = False,
    is_json: Json = False,
) -> None:
    """Play scenarios over real WebRTC on an impaired path. Exit 1 if one does not hold."""
    from sametick.live_run_command import LiveRequest, live_runs

    request = LiveRequest(
        sources=tuple(scenarios),
        seed=seed,
        settings=tuple(settings or ()),
        peers=peers,
        out=out,
        is_compared=is_compared,
    )
    raise typer.Exit(live_runs(request, is_json=is_json))


@app.command()
def serve(
    game: Annotated[
        str | None, typer.Option("--game", metavar="ID", help="What is played; slime-v1 unless said.")
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", metavar="FILE|NAME", help="Game, players and session of a scenario."),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0: any free one.")] = 8000,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Everything recorded is kept here.")
    ] = Path("data"),
    pyodide: Annotated[
        Path | None, typer.Option("--pyodide", metavar="DIR", help="Instead of the npm package here.")
    ] = None,
    stun: Annotated[list[str] | None, typer.Option("--stun", metavar="URL", help="A STUN server.")] = None,
    turn: Annotated[
        list[str] | None,
        typer.Option("--turn", metavar="URL", help="A TURN server; its secret in SAMETICK_TURN_SECRET."),
    ] = None,
    relay_only: Annotated[
        bool, typer.Option("--relay-only", help="Players' addresses stay hidden: everything over TURN.")
    ] = False,
    no_direct: Annotated[
        bool, typer.Option("--no-direct", help="No connections between players: this server relays.")
    ] = False,
    hud: Annotated[bool, typer.Option("--hud", help="Show figures of the connection in the page.")] = False,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin", metavar="URL", help="A further address of this server, e.g. https://games.example."
        ),
    ] = None,
) -> None:
    """Live games in browsers: serves the page, joins players, keeps and certifies their data."""
    from sametick.serve_command import serve_games

    raise typer.Exit(
        serve_games(
            game=game,
            scenario=scenario,
            host=host,
            port=port,
            data=data,
            pyodide=pyodide,
            stun=stun or [],
            turn=turn or [],
            relay_only=relay_only,
            no_direct=no_direct,
            hud=hud,
            origins=origin or [],
        )
    )


@app.command()
def bots(
    url: Annotated[str, typer.Argument(metavar="URL", help="The server's address, as it prints it.")],
    pairs: Annotated[
        int, typer.Option("--pairs", min=1, max=32, help="Two bots each, or a scenario's peers.")
    ] = 1,
    seats: Annotated[
        int | None,
        typer.Option("--seats", min=1, max=64, help="So many bots, instead of pairs; 1 to play with one."),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", help='"random", "scripted", "idle" or "path.py:attr".')
    ] = "random",
    hold_frames: Annotated[
        int, typer.Option("--hold-frames", min=1, help="random: mean frames between changes.")
    ] = 12,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Of random bots.")] = 1,
    game: Annotated[
        str | None, typer.Option("--game", metavar="ID", help="Only if the server plays this one.")
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", metavar="FILE|NAME", help="Its players' bots and seed, as simulated."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="Leave after so long; 0: play to the end.")
    ] = 0,
    is_json: Json = False,
) -> None:
    """Headless peers over WebRTC that play on a server. Exit 1 if any match's data are not equal and true."""
    from sametick.bots_command import play_bots

    raise typer.Exit(
        play_bots(
            url,
            groups=pairs,
            seats=seats,
            policy=policy,
            hold_frames=hold_frames,
            seed=seed,
            game=game,
            scenario=scenario,
            seconds=seconds,
            is_json=is_json,
        )
    )


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the two reports go.")] = Path(
        "out/demo"
    ),
    seed: Seed = None,
) -> None:
    """Play over a bad network, then show that a planted bug is caught."""
    from sametick.demo import play

    raise typer.Exit(play(out, seed=seed))


def main() -> None:
    """The console script."""
    app()
