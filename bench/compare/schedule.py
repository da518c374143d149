"""Which contender is measured when: rounds outermost, so that the machine's moods hit all alike."""
import os
import shutil
import sys
import tempfile
import time

import contenders
from measure import ClientFailed, Run
from stacks import RealStack, Sizes, Stack
from workloads import WORKLOADS

QUICK_BUDGET = 100  # seconds, all told; what is not measured by then is left out
REAL_LAYERS = 500  # the stack of packages is made with so many, and only where this number is measured
MANY_LAYERS = 1000  # beyond this many, fewer directories: a stack would take longer to make than to measure


def impossible():
    """Why nothing can be measured here; empty where it can."""
    if os.geteuid() != 0:
        return "needs root, to mount"
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    return ""


class Progress:
    def __init__(self):
        self.begin = time.monotonic()
        self.live = sys.stderr.isatty()

    def seconds(self):
        return time.monotonic() - self.begin

    def say(self, text, passing=False):
        if passing and not self.live:
            return
        print(f"{chr(13) if self.live else ''}[{self.seconds():6.1f} s] {text:<70}",
              end="" if passing else "\n", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, args, results):
        self.args, self.results = args, results
        self.progress = Progress()
        quick = args.quick
        self.limit = args.limit or (1.0 if quick else 20.0)
        self.find_limit = args.limit or (3.0 if quick else 200.0)
        self.rounds = args.rounds or (3 if quick else 5)
        self.budget = args.budget or (QUICK_BUDGET if quick else None)
        self.count = args.count
        self.client = os.path.join(args.programs, "bench_client")
        self.work = tempfile.mkdtemp(prefix="plyfs-bench-", dir=args.work)
        self.point = os.path.join(self.work, "m")
        os.mkdir(self.point)
        self.stacks = []
        self.workloads = {key: work for key, work in WORKLOADS.items()
                          if key in (args.workload or ([k for k, w in WORKLOADS.items() if w.quick] if quick
                                                       else list(WORKLOADS)))}
        self.contenders = contenders.all_of(args.plyfs, args.programs)
        if args.count:
            self.contenders = [one for one in self.contenders if one.program]
        if args.contender:
            self.contenders = [one for one in self.contenders if one.key in args.contender]

    def sizes(self, layers):
        if self.args.sizes:
            dirs, files, creates, more_files = self.args.sizes
            return Sizes(dirs, files, files, creates, dirs, more_files, again=min(1000, files), project=(4, 4))
        if self.args.quick:
            return Sizes(names=1_000, creates=1_000, more_dirs=2, more_files=2_000, project=(4, 4))
        if layers > MANY_LAYERS:
            return Sizes(dirs=20, more_dirs=20, more_files=20_000)
        return Sizes()

    def make_stacks(self):
        layers = self.args.layers or ([1, 10, 500] if self.args.quick else [1, 10, 100, 500, 5000])
        kinds = self.args.stack or (["every"] if self.args.quick else ["every", "thin", "real"])
        for kind in kinds:
            for count in layers:
                if kind == "every" or (kind == "thin" and count > 1) or count == REAL_LAYERS:
                    self.make_stack(kind, count)

    def make_stack(self, kind, count):
        folder = os.path.join(self.work, f"{kind}-{count}")
        sizes = self.sizes(count)
        stack = (RealStack(count, sizes, folder, self.args.backing) if kind == "real" else
                 Stack(kind, count, sizes, folder, self.args.backing))
        self.progress.say(f"making {stack.name}: {sizes.all_dirs()} directories, {sizes.all_files()} files")
        self.stacks.append(stack)
        os.mkdir(folder)
        stack.make()

    def go(self):
        self.make_stacks()
        last = 0.0
        for number in range(self.rounds):
            begin = self.progress.seconds()
            if number and self.budget and begin + last > self.budget:
                break
            if not self.go_round(number):
                self.results.note(f"Round {number + 1} was broken off after {self.budget:.0f} s: some rows are missing.")
                break
            last = self.progress.seconds() - begin
            self.results.rounds = number + 1
            self.progress.say(f"round {number + 1} of {self.rounds} took {last:.0f} s")

    def go_round(self, number):
        """False: the budget ended it."""
        for key, workload in self.workloads.items():
            for stack in self.stacks:
                # Who comes first changes from round to round.
                turn = number % len(self.contenders)
                for contender in self.contenders[turn:] + self.contenders[:turn]:
                    if not contender.fits(stack):
                        continue
                    if contender.reference and (not workload.has_null or stack is not self.null_stack()):
                        continue
                    if self.budget and self.progress.seconds() > self.budget:
                        return False
                    self.go_one(number, key, workload, stack, contender, cold=False)
                    if self.args.cold and workload.cold and not contender.reference:
                        self.go_one(number, key, workload, stack, contender, cold=True)
        return True

    def null_stack(self):
        """Constant replies know no layers: they are measured beside one stack only, that of 10 if there is one."""
        return next((stack for stack in self.stacks if stack.layers == 10), self.stacks[0])

    def go_one(self, number, key, workload, stack, contender, cold):
        begin = self.progress.seconds()

        def record(row, state, clients, sample):
            self.results.add(stack, contender, row, state, clients, sample)

        try:
            with Run(self, stack, contender, number, workload.small, cold, record) as run:
                workload.run(run)
        except (OSError, ClientFailed) as error:
            self.results.fail(f"{key}, {stack.name}, {contender.key}: {error}")
        self.progress.say(f"round {number + 1}: {key} {stack.name} {contender.key} {self.progress.seconds() - begin:.2f} s",
                          passing=not self.args.verbose)

    def clean(self):
        for contender in self.contenders:
            contender.give_up(self.point)
        for stack in self.stacks:
            stack.remove()
        shutil.rmtree(self.work, ignore_errors=True)
