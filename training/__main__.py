"""`python -m training STAGE`: make the menagerie's model, or one part of it."""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from training.options import Options

HERE = Path(__file__).parent
SHIPPED = HERE.parent / "daam_nb" / "menagerie" / "weights"
JUDGE = SHIPPED.parent / "judge" / "judge.safetensors"
PARSER = HERE.parent / "daam_nb" / "language" / "caption_parser"
STAGES = [
    "scenes",
    "tokenizer",
    "vae",
    "latents",
    "diffusion",
    "export",
    "judge",
    "parser",
    "check",
]
"""What `all` runs, in order."""

SECOND = ["joint", "export-joint"]
"""Train and export the second model, with joint attention; its work folder holds `tokenizer`,
`vae`, `scenes` and `latents`, as the first one's does."""

STARTED = ("vae", "diffusion", "joint")
"""The stages that `--start` is for."""

MEASURES = ["glance", "doubt", "score", "attribution"]
"""`glance` looks at a run's checkpoint, the others at exported weights (`--into`); `doubt` adapts
the judge to them."""


def main() -> None:
    """Parse the command line and run the requested stages."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("stage", choices=[*STAGES, "all", *SECOND, *MEASURES])
    parser.add_argument("--config", type=Path, default=HERE / "core.toml")
    parser.add_argument(
        "--short",
        action="store_true",
        help="a run of two minutes: short.toml, exported into the work folder",
    )
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, logs, data")
    parser.add_argument("--helpers", type=int, default=0)
    parser.add_argument("--hours", type=float, help="length of the stage diffusion or joint")
    parser.add_argument("--most", type=int, help="encode this many shards of scenes only")
    parser.add_argument(
        "--start",
        type=Path,
        help="exported weights that a stage starts from: vae, diffusion and joint",
    )
    parser.add_argument("--into", type=Path, help="where the pipeline is exported")
    parser.add_argument(
        "--joint-into", type=Path, help="where the pipeline with joint attention is exported"
    )
    parser.add_argument(
        "--weights",
        choices=["average", "model"],
        default="average",
        help="which weights of the checkpoint are exported",
    )
    parser.add_argument("--judge", type=Path, help="the judge's weights that a score rests on")
    parser.add_argument("--report", type=Path, help="where figures are written (the work folder)")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    if options.start is not None and options.stage not in STARTED:
        parser.error(
            "--start is for the stages vae, diffusion and joint, one at a time, "
            f"not for {options.stage!r}."
        )
    if options.short:
        options.config = HERE / "short.toml"
    if options.into is None:
        options.into = options.work / "weights" if options.short else SHIPPED
    if options.joint_into is None:
        options.joint_into = options.into.parent / "joint"
    config = tomllib.loads(options.config.read_text())
    if options.hours is not None:
        config["joint" if options.stage == "joint" else "diffusion"]["hours"] = options.hours
    for stage in STAGES if options.stage == "all" else [options.stage]:
        run(stage, config, options)


def run(stage: str, config: dict[str, Any], options: argparse.Namespace) -> None:
    """One stage; what an earlier call finished is not done again."""
    work, device, helpers = options.work, options.device, options.helpers
    common = Options(work, config["seed"], device, helpers, options.start)
    if stage == "scenes":
        from training.scenes import write_scenes

        write_scenes(work / "scenes", **config["scenes"], helpers=helpers)
    elif stage == "tokenizer":
        from training.tokenizer import write_tokenizer

        write_tokenizer(work / "tokenizer", length=config["text"]["length"])
    elif stage == "vae":
        from training.vae import train_vae

        train_vae(config, common)
    elif stage == "latents":
        from training.latents import write_latents

        write_latents(work, most=options.most, device=device, bf16=config["vae"]["bf16"])
    elif stage == "diffusion":
        from training.diffusion import train_diffusion

        train_diffusion(config, common)
    elif stage == "export":
        from training.export import export

        export(config, work, options.into, weights=options.weights)
    elif stage == "joint":
        from training.joint import train_joint

        train_joint(config, common)
    elif stage == "export-joint":
        from training.export import export_joint

        export_joint(config, work, options.joint_into, weights=options.weights)
    elif stage == "judge":
        from training.judge import train_judge

        train_judge(config, common, options.into.parent / "judge", short=options.short)
    elif stage == "parser":
        from training.parser.train import train_parser

        beside = options.into.parent / "caption_parser"
        train_parser(work, PARSER if options.into == SHIPPED else beside, short=options.short)
    elif stage == "check":
        from training.check import check_run

        print(json.dumps(check_run(work, options.into)))
    else:
        measure(stage, config, options)


def measure(stage: str, config: dict[str, Any], options: argparse.Namespace) -> None:
    """Measure weights."""
    beside = options.into.parent / "judge" / "judge.safetensors"
    judge = options.judge or (beside if beside.exists() else JUDGE)
    report = options.report or options.work
    if stage == "glance":
        from training.glance import glance

        glance(
            config, options.work, judge_file=judge, device=options.device, weights=options.weights
        )
    elif stage == "doubt":
        from training.doubt import choose

        choose(judge, options.into, options.work, helpers=options.helpers)
    elif stage == "score":
        from training.scoring import score

        score(options.into, options.work, judge_file=judge, report=report, helpers=options.helpers)
    elif stage == "attribution":
        from training.attribution import attribute

        attribute(options.into, judge_file=judge, report=report)


if __name__ == "__main__":
    main()
