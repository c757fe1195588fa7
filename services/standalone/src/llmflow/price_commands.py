"""`llmflow prices`: what models cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, ProjectOption, print_json, print_table, progress
from llmflow.options import range_of, time_of
from llmflow_core.spans import DEFAULT_PROJECT

app = typer.Typer(
    no_args_is_help=True,
    help="Own prices come before those of the built-in price data: for models that it does not know, and for negotiated"
    " rates. A cost that came with a call comes before both.",
)
_AMOUNT = re.compile(r"\d{1,6}(\.\d{1,12})?")


def _rate(text: str) -> str:
    """An amount of dollars as the API takes it."""
    if not _AMOUNT.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no amount of US dollars such as 2.50")
    return text


_Rate = Annotated[str | None, typer.Option(metavar="USD", parser=_rate, help="Where it differs.")]
_COLUMNS = {
    "name": Column("Name"),
    "model": Column("Model", formats.one_line),
    "provider": Column("Provider", formats.one_line),
    "input": Column("Input", right=True),
    "output": Column("Output", right=True),
    "others": Column("Others", formats.one_line),
    "from": Column("From", formats.moment, whole=True),
    "to": Column("To", formats.moment, whole=True),
    "origin": Column("Set by"),
}
_OTHER_RATES = ("cached_input", "cache_write", "cache_write_1h", "reasoning", "audio_input", "audio_output")


@app.command("list")
def list_prices(*, as_json: Json = False) -> None:
    """List the own prices in the order in which they are tried, in US dollars a million tokens.

    \b
    Example:
      llmflow prices list
    """
    with open_api() as api:
        found = api.get("prices")["prices"]
    print_json(found) if as_json else print_table(list(map(_row, found)), _COLUMNS, nothing="No own prices.")


@app.command("find")
def find_price(
    model: Annotated[str, typer.Argument(help="The model's name, as calls state it.")],
    *,
    provider: Annotated[str | None, typer.Option(help="Its provider, where several have a model of this name.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", parser=time_of, help="When; now without it.")] = None,
    as_json: Json = False,
) -> None:
    """Show which price a model has: an own one, or that of the price data.

    \b
    Example:
      llmflow prices find gpt-4o --provider openai
    """
    with open_api() as api:
        found = api.get("prices", model=model, provider=provider, at=at)["in_use"]
    if as_json:
        print_json(found)
    elif found is None:
        print(f"{formats.plain(model)} has no known price: set one with `llmflow prices set`")
    else:
        print(f"price of {formats.plain(model)}: {found['source']}")
        width = max(map(len, found["rates"]), default=0)
        for name, rate in found["rates"].items():
            print(f"  {name:{width}}  {formats.plain(rate)}")


@app.command("set")
def set_price(
    name: Annotated[str, typer.Argument(help="What the price is called; set again, it is replaced.")],
    *,
    model: Annotated[str, typer.Option(help="Regular expression for the model's whole name.")],
    input_rate: Annotated[str, typer.Option("--input", metavar="USD", parser=_rate, help="A million input tokens.")],
    output_rate: Annotated[str, typer.Option("--output", metavar="USD", parser=_rate, help="A million output tokens.")],
    cached_input: _Rate = None,
    cache_write: _Rate = None,
    cache_write_1h: _Rate = None,
    reasoning: _Rate = None,
    audio_input: _Rate = None,
    audio_output: _Rate = None,
    provider: Annotated[str | None, typer.Option(help="Regular expression for the provider.")] = None,
    from_time: Annotated[
        str | None, typer.Option("--from", metavar="TIME", parser=time_of, help="For calls that began then or later.")
    ] = None,
    to_time: Annotated[
        str | None, typer.Option("--to", metavar="TIME", parser=time_of, help="For calls that began before.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set an own price, in US dollars a million tokens, for calls that are recorded from now on.

    \b
    Examples:
      llmflow prices set house --model 'house-model-.*' --input 2.50 --output 10
      llmflow prices set deal --model gpt-4o --provider openai --input 2 --output 8 --from 2026-01-01
    """
    price = {
        "model": model,
        "provider": provider,
        "input": input_rate,
        "output": output_rate,
        "cached_input": cached_input,
        "cache_write": cache_write,
        "cache_write_1h": cache_write_1h,
        "reasoning": reasoning,
        "audio_input": audio_input,
        "audio_output": audio_output,
        "from": from_time,
        "to": to_time,
    }
    given = {key: value for key, value in price.items() if value is not None}
    with open_api() as api:
        saved = api.request("PUT", "prices", name, json=given)
    print_json(saved) if as_json else print(f"set the price {name}")


@app.command("remove")
def remove_price(name: Annotated[str, typer.Argument(help="What the price is called.")]) -> None:
    """Remove an own price. Costs that were computed with it stay.

    \b
    Example:
      llmflow prices remove house
    """
    with open_api() as api:
        api.request("DELETE", "prices", name)
    typer.echo(f"removed the price {name}", err=True)


@app.command("reprice")
def reprice(
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", parser=time_of, help="Spans from this time on: 24h or 7d (ago), or a time.")
    ],
    until: Annotated[
        str, typer.Option(metavar="TIME", parser=time_of, help="Spans before this time.", show_default="now")
    ] = "0s",
    project: ProjectOption = DEFAULT_PROJECT,
    as_json: Json = False,
) -> None:
    """Give stored spans the costs of today's prices, and correct all sums with them.

    Costs that came with their spans stay, and so do those whose price is not known any more. What is done stays done
    when this is broken off; doing it again changes nothing.

    \b
    Example:
      llmflow prices reprice --since 7d
    """
    body: dict[str, Any] = {"project": project, "from": since, "to": until, "cursor": None}
    examined = changed = 0
    with open_api() as api:
        total = api.get("analytics", metric="spans", project=project, **range_of(since, until))["total"]["span_count"]
        with progress("repricing", total=total) as done:
            while True:
                portion = api.post("prices", "reprice", json=body)
                examined += portion["examined"]
                changed += portion["changed"]
                done(examined)
                if portion["next_cursor"] is None:
                    break
                body["cursor"] = portion["next_cursor"]
    if as_json:
        print_json({"examined": examined, "changed": changed})
    else:
        print(f"{changed:,} of {examined:,} spans have another cost now")


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    price = entry["price"]
    others = [f"{name} {price[name]}" for name in _OTHER_RATES if price.get(name) is not None]
    return {**price, "name": entry["name"], "origin": entry["origin"], "others": others or None}
