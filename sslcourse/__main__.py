"""Commands: `python -m sslcourse pretrain | checkpoints | check-setup`."""

import argparse
import sys
import warnings


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sslcourse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check-setup", help="say OK or FAIL for each thing that lessons need")

    job = commands.add_parser("pretrain", help="train a method and say what it learned")
    job.add_argument("method", help="simclr, moco, swav, mae, tokenizer, beit or dino")
    job.add_argument(
        "--data", default="scenes", help="scenes, cifar10, stl10, or a folder of class folders"
    )
    job.add_argument("--budget", help="laptop (default) or full")
    length = job.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="train for this long")
    length.add_argument("--steps", type=int, help="train this many steps")
    length.add_argument("--epochs", type=float, help="train this many passes over the images")
    job.add_argument("--size", type=int, help="height and width of the images")
    job.add_argument("--variant", help="another world of scenes")
    job.add_argument("--seed", type=int, default=0)
    job.add_argument("--checkpoint", help="file to save to and go on from (default: in runs/)")
    job.add_argument("--fresh", action="store_true", help="start again, replace the checkpoint")
    job.add_argument(
        "--tokenizer", help="for beit: one of the course's, or a file of pretrain tokenizer"
    )
    job.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")

    made = commands.add_parser("checkpoints", help="train and write what the course brings along")
    made.add_argument("names", nargs="*", help="which (default: all)")
    made.add_argument("--photographs", help="folder of CIFAR-10's classes, train and test")
    return parser.parse_args(arguments)


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
        )
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
