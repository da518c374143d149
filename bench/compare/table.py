"""The results as text, for a terminal."""
import shutil

from judged import COLUMNS, GOALS, GROWTH_ROUNDS, growth_table, judged_table, other_goals

WORD = {True: "met", False: "MISSED", None: "-"}


def cost(ns):
    """Three digits with a unit."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            value = ns / size
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}" if value >= 10 else f"{value:.2f} {unit}"
    return f"{ns:.0f} ns"


def work_name(row, state, clients):
    return f"{row}, {state}" + (f", {clients} clients" if clients > 1 else "")


def grid(lines, head):
    """Columns as wide as they need to be, the first two to the left."""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    for line in [head, *lines]:
        yield "  ".join(word.ljust(width) if i < 1 else word.rjust(width)
                        for i, (word, width) in enumerate(zip(line, widths))).rstrip()


def cell(figure, kernel, is_plyfs):
    """`12.3 us (11-14) x4.2`: median, least and most, operations a second as a multiple of the kernel's."""
    if not figure:
        return "-"
    text = ("~" if figure.cut else "") + cost(figure.ns)
    if len(figure.samples) > 1:
        text += f" ({cost(figure.low)}..{cost(figure.high)})"
    if kernel and figure is not kernel:
        ratio = kernel.ns / figure.ns
        text += f" x{ratio:.2g}" if ratio < 10 else f" x{ratio:.0f}"
        if is_plyfs and ratio < 1:
            text += " !"
    return text


def costs(results, kind):
    contenders = list(results.labels)
    for row in results.rows():
        lines = []
        for layers in results.layers(kind):
            figures = [results.figure(kind, layers, row[0], row[1], contender, row[2]) for contender in contenders]
            kernel = figures[contenders.index("kernel")] if "kernel" in contenders else None
            if any(figures):
                lines.append([str(layers)] + [cell(figure, kernel, contender.startswith("plyfs"))
                                              for figure, contender in zip(figures, contenders)])
        if lines:
            yield f"\n{work_name(*row)}"
            yield from ("  " + text for text in grid(lines, ["layers", *contenders]))


def daemons(results, kind):
    """CPU, requests, system calls, hand-overs and memory of the daemons, an operation."""
    for row in results.rows():
        lines = []
        for layers in results.layers(kind):
            for contender in results.daemons:
                if figure := results.figure(kind, layers, row[0], row[1], contender, row[2]):
                    total = sum(sample["cpu_ns"] for sample in figure.samples) / len(figure.samples) / 1e9
                    lines.append([contender, str(layers), f"{total:.3f} s", cost(figure.cpu_ns),
                                  f"{figure.requests:.2f}",
                                  *(f"{figure.told[name]:.2f}" if name in figure.told else "-"
                                    for name in ("system_calls", "handed_over")),
                                  f"{figure.rss_anon_kib / 1024:.1f} MiB"])
        if lines and row[0] != "mount":
            yield f"\n{work_name(*row)}"
            head = ["", "layers", "CPU a run", "CPU an op", "requests an op", "calls an op", "handed over", "RssAnon"]
            yield from ("  " + text for text in grid(lines, head))


TRANSPORT = ("read", "write", "writev", "readv")


def counts(results, kind):
    """System calls and requests an operation, by layers: what is known is to cost the same everywhere."""
    for row in results.rows():
        lines = []
        for contender in results.daemons:
            for layers in results.layers(kind):
                if figure := results.figure(kind, layers, row[0], row[1], contender, row[2]):
                    others = sorted(((count, name) for name, count in figure.calls.items() if name not in TRANSPORT),
                                    reverse=True)
                    top = ", ".join(f"{name} {count:.2f}" for count, name in others[:6] if count >= 0.005)
                    lines.append([contender, str(layers), f"{figure.requests:.2f}", f"{sum(figure.calls.values()):.2f}", top])
        if lines and row[0] != "mount":
            yield f"\n{work_name(*row)}"
            yield from ("  " + text for text in grid(lines, ["", "layers", "requests", "calls", "of them, without the requests'"]))


def judged(results):
    lines = judged_table(results)
    rows = []
    for at, (work, state, _) in enumerate(GOALS):
        row = [work_name(work, state, 1)]
        for line in lines[at * len(COLUMNS):(at + 1) * len(COLUMNS)]:
            measured = "not measured" if line.ratio is None else f"{'~' if line.cut else ''}{line.ratio:.2f}x"
            by_null = line.met and line.ratio < line.goal
            row.append(f"{measured} (goal {line.goal}x) {WORD[line.met]}{' by fuse_null' if by_null else ''}")
        rows.append(row)
    yield from grid(rows, ["operations a second to kernel overlayfs's"] + [column for _, _, column in COLUMNS])


def others(results):
    for what, ns, most in other_goals(results):
        yield f"{what}: {cost(ns)} (goal {cost(most)}) {WORD[ns <= most]}"


def growth(results):
    rows = [[work_name(line["work"], line["state"], 1), line["contender"], str(line["layers"]),
             f"{line['times']:.2f}", WORD[line["met"]]] for line in growth_table(results)]
    if rows:
        yield f"\nGrowth: time against 1 layer, goal 1.1 (judged with {GROWTH_ROUNDS} rounds; here {results.rounds})"
        yield from grid(rows, ["", "", "layers", "times", ""])


def show_counts(results, rule):
    print("Requests answered and system calls made by the daemon, an operation, counted by strace.  No times: strace is slow.")
    for kind in results.kinds():
        print(f"{rule}\nStack `{kind}`")
        for line in counts(results, kind):
            print(line)
    for note in results.notes:
        print(note)


def show(results):
    facts = results.facts
    rule = "=" * min(100, shutil.get_terminal_size().columns)
    print(rule)
    print(f"{facts['command']}\nplyfs {facts['commit']}, Linux {facts['kernel']}, {facts['cpus']} CPUs ({facts['cpu']}), "
          f"{facts['memory_mib'] // 1024} GiB, {facts['date']}, {results.rounds} rounds")
    if results.busy():
        print(f"The machine was BUSY with other work (load {facts['load_before']:.1f} before the run): these figures "
              "are not to be quoted.")
    if results.cpu:
        print("PROCESSOR TIME of client and daemon together, not elapsed time: not what is judged.")
    if results.count:
        show_counts(results, rule)
        return
    print("Median (least..most) of an operation; xN: operations a second as a multiple of kernel overlayfs's; "
          "!: plyfs is slower\nthan it; ~: stopped at the limit, the rate is of the part that was done.")
    for kind in results.kinds():
        print(f"{rule}\nStack `{kind}`")
        for line in costs(results, kind):
            print(line)
        print(f"{rule}\nDaemons on stack `{kind}`")
        for line in daemons(results, kind):
            print(line)
    print(f"{rule}\nAs it is judged (stack `every`, one client)")
    for line in judged(results):
        print(line)
    for line in [*others(results), *growth(results)]:
        print(line)
    for note in results.notes:
        print(note)
