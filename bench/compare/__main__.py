"""tools/dev bench: plyfs, kernel overlayfs, fuse-overlayfs and the same tree flat, measured in one run.

Layers are made on a filesystem of their own; each workload runs on a fresh mount of each contender, round by
round; what is printed are medians.  Needs root, /dev/fuse and kernel overlayfs.
"""
import argparse
import os
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
import page  # noqa: E402
import schedule  # noqa: E402
import table  # noqa: E402
from results import Results  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EPILOG = """\
The first thing to read is the table "As it is judged".  A row where plyfs is slower than kernel overlayfs is
marked with a !.  docs/benchmarks.md says how each figure is made."""


def numbers(text):
    return [int(word) for word in text.split(",")]


def words_of(known):
    def parse(text):
        chosen = text.split(",")
        if unknown := [word for word in chosen if word not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]}: not one of {', '.join(known)}")
        return chosen
    return parse


def arguments():
    parser = argparse.ArgumentParser(prog="tools/dev bench", description=__doc__, epilog=EPILOG,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true",
                        help="under two minutes: 1, 10 and 500 layers, fewer names, at most 3 rounds; each measurement\n"
                             "is stopped after a second (marked ~)")
    parser.add_argument("--layers", type=numbers, metavar="N,...", help="numbers of layers (1,10,100,500,5000)")
    parser.add_argument("--workload", type=words_of(list(WORKLOADS)), metavar="NAME,...",
                        help="of: " + ", ".join(WORKLOADS))
    parser.add_argument("--stack", type=words_of(["every", "thin", "real"]), metavar="KIND,...",
                        help="every: each directory in each layer; thin: a base image under thin layers;\n"
                             "real: each installed Debian package a layer, 500 of them")
    parser.add_argument("--contender", metavar="NAME,...", type=lambda text: text.split(","),
                        help="of: kernel, plyfs, plyfs-frozen, plyfs-indexed, fuse-overlayfs, flat, fuse_null, null_loop")
    parser.add_argument("--rounds", type=int, metavar="N", help="interleaved rounds, 5 (growth is judged with 15)")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="no further round that would end after this")
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="longest time of one measurement (20)")
    parser.add_argument("--cold", action="store_true", help="also with backing caches dropped (ext4 only)")
    parser.add_argument("--sizes", metavar="DIRS,FILES,CREATES,MORE", type=numbers,
                        help="directories, files in them, files created, and files in as many more directories that\n"
                             "trees are walked in (100,5000,3000,100000)")
    parser.add_argument("--backing", choices=("ext4", "tmpfs"), default="ext4", help="what the layers lie on (ext4)")
    parser.add_argument("--work", metavar="DIR", default=tempfile.gettempdir(), help="where to make all of it (/tmp)")
    parser.add_argument("--cpu", action="store_true",
                        help="compare processor time (client and daemon) in the place of elapsed time: what can still be\n"
                             "compared where the machine is busy with other work; not what is judged")
    parser.add_argument("--count", action="store_true",
                        help="count the daemons' system calls (strace) in the place of measuring time: exact on a busy\n"
                             "machine too")
    parser.add_argument("--verbose", action="store_true", help="a line for each mount that is measured")
    parser.add_argument("--json", metavar="FILE", help="write every sample")
    parser.add_argument("--html", metavar="FILE", help="write a page with plots")
    parser.add_argument("--svg", metavar="FILE", help="write the first plot alone")
    parser.add_argument("--plyfs", default=os.path.join(ROOT, "build/bin/plyfs"), help=argparse.SUPPRESS)
    parser.add_argument("--programs", default=os.path.join(ROOT, "build/bin"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    args = arguments()
    if why := schedule.impossible():
        print(f"bench: {why}", file=sys.stderr)
        return 1
    results = Results(" ".join(["tools/dev bench", *sys.argv[1:]]), ROOT, args.cpu, args.count)
    bench = schedule.Bench(args, results)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    interrupted = False
    try:
        bench.go()
    except KeyboardInterrupt:
        results.note("Interrupted: some rows are missing.")
        interrupted = True
    finally:
        # Cleaning up is not to be interrupted again.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        bench.clean()
    table.show(results)
    if args.json:
        results.write(args.json)
    if args.html:
        page.write(results, args.html)
    if args.svg:
        page.write_plot(results, args.svg)
    for failure in results.failures:
        print(f"bench: failed: {failure}", file=sys.stderr)
    return 130 if interrupted else 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
