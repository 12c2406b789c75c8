"""Commands: `python -m sslcourse pretrain | evaluate | checkpoints | check-setup`."""

import argparse
import sys
import warnings
from pathlib import Path


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sslcourse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check-setup", help="say OK or FAIL for each thing that lessons need")
    describe_pretrain(commands.add_parser("pretrain", help="train a method, say what it learned"))
    describe_evaluate(
        commands.add_parser("evaluate", help="compare all methods under one protocol")
    )
    made = commands.add_parser("checkpoints", help="train and write what the course brings along")
    made.add_argument("names", nargs="*", help="which (default: all)")
    made.add_argument("--photographs", help="folder of CIFAR-10's classes, train and test")
    return parser.parse_args(arguments)


def describe_data(job: argparse.ArgumentParser) -> None:
    job.add_argument(
        "--data", default="scenes", help="scenes, cifar10, stl10, or a folder of class folders"
    )
    job.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")


def describe_pretrain(job: argparse.ArgumentParser) -> None:
    job.add_argument("method", help="simclr, moco, swav, mae, tokenizer, beit or dino")
    describe_data(job)
    job.add_argument("--budget", help="laptop (default) or full")
    length = job.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="train for this long")
    length.add_argument("--steps", type=int, help="train this many steps")
    length.add_argument("--epochs", type=float, help="train this many passes over the images")
    job.add_argument("--size", type=int, help="height and width of the images")
    job.add_argument(
        "--lazy", action="store_true", help="a folder larger than memory: images stay in a file"
    )
    job.add_argument(
        "--compile",
        nargs="?",
        const="default",
        choices=("default", "reduce-overhead"),
        help="with torch.compile: slow to begin, faster later; reduce-overhead makes CUDA graphs",
    )
    job.add_argument("--variant", help="another world of scenes")
    job.add_argument("--seed", type=int, default=0)
    job.add_argument("--checkpoint", help="file to save to and go on from (default: in runs/)")
    job.add_argument("--fresh", action="store_true", help="start again, replace the checkpoint")
    job.add_argument(
        "--tokenizer", help="for beit: one of the course's, or a file of pretrain tokenizer"
    )


def describe_evaluate(job: argparse.ArgumentParser) -> None:
    job.add_argument("--all", action="store_true", help="train and measure: equal time for all")
    job.add_argument(
        "--checkpoints", nargs="*", metavar="NAME", help="measure the course's (default: fitting)"
    )
    job.add_argument("--picture", metavar="FILE", help="draw the tables that are there, as a PNG")
    describe_data(job)
    job.add_argument("--seconds", type=float, default=90, help="of each training")
    job.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one training each")
    job.add_argument(
        "--methods", nargs="+", help="some rows only: methods, pixels, untrained, supervised"
    )
    job.add_argument("--frozen", action="store_true", help="leave out fine-tuning, for now")
    job.add_argument("--fresh", action="store_true", help="measure rows anew that are there")
    job.add_argument(
        "--results", metavar="FOLDER", default="runs/comparison", help="where the tables lie"
    )


def evaluate(options: argparse.Namespace) -> int:
    """Fill the tables that were asked for, then draw them."""
    from sslcourse.comparison import commands

    every = options.all or options.methods is not None
    if not every and options.checkpoints is None and options.picture is None:
        raise ValueError("say what to do: evaluate --all, --checkpoints or --picture FILE.")
    shared = {"device": options.device, "folder": Path(options.results), "fresh": options.fresh}
    shared |= {"seeds": options.seeds, "tuned": not options.frozen}
    code = 0
    if every:
        lengths = {"seconds": options.seconds, "methods": options.methods}
        code = commands.evaluate_all(options.data, **lengths, **shared)
    if options.checkpoints is not None and code == 0:
        code = commands.evaluate_checkpoints(options.data, options.checkpoints, **shared)
    if options.picture is not None and code == 0:
        from sslcourse.teach.comparison import picture_of_files

        picture = picture_of_files(commands.data_label(options.data), Path(options.results))
        picture.save(options.picture)
        print(f"picture {options.picture}: {picture}")
    return code


def main(arguments: list[str] | None = None) -> int:
    """Run one command; every foreseen problem is one sentence on stderr and exit code 2."""
    options = parse(arguments)
    warnings.showwarning = lambda message, *_, **__: print(f"note: {message}", file=sys.stderr)
    try:
        if options.command == "check-setup":
            from sslcourse.check_setup import check_setup

            return check_setup()
        if options.command == "checkpoints":
            from sslcourse.make_checkpoints import make_checkpoints

            return make_checkpoints(options.names, options.photographs)
        if options.command == "evaluate":
            return evaluate(options)
        from sslcourse.pretrain import pretrain

        lengths = {name: getattr(options, name) for name in ("seconds", "steps", "epochs")}
        return pretrain(
            options.method,
            options.data,
            budget_name=options.budget,
            length={name: value for name, value in lengths.items() if value is not None},
            size=options.size,
            variant=options.variant,
            seed=options.seed,
            checkpoint=options.checkpoint,
            fresh=options.fresh,
            device=options.device,
            tokenizer=options.tokenizer,
            lazy=options.lazy,
            compile=options.compile,
        )
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
