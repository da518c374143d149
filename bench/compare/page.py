"""The results as one self-contained HTML page: plots, the judged table, all costs."""
import html
import os

from judged import COLUMNS, GOALS, judged_table
from plot import plot
from table import cell, cost, work_name

SVG_STYLE = ".grid { stroke: #e4e4e4; }"
STYLE = SVG_STYLE + """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; }
td, th { padding: 3px 9px; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
td:first-child, th:first-child { text-align: left; }
.met { color: #1a7f37; } .missed { color: #b3261e; font-weight: 600; } .busy { background: #fff3cd; padding: .5em 1em; }
svg { width: 540px; max-width: 100%; } svg text { font-size: 12px; } 
figure { display: inline-block; margin: .5em; vertical-align: top; } figcaption { font-weight: 600; }
"""
# The plots that come first: cost against layers of what the project is about.
FIRST_PLOTS = (("stat", "first"), ("absent", "first"), ("find -ls", "first"), ("ls", "again"), ("stat", "dropped"),
               ("create+unlink", "first"))


def element(tag, text, css=""):
    return f"<{tag}{f' class={css}' if css else ''}>{text}</{tag}>"


def table(head, rows):
    return element("table", element("tr", "".join(element("th", html.escape(word)) for word in head)) +
                   "".join(element("tr", "".join(row)) for row in rows))


def plots(results, kind):
    rows = sorted(results.rows(), key=lambda row: FIRST_PLOTS.index(row[:2]) if row[:2] in FIRST_PLOTS and row[2] == 1 else 99)
    for row, state, clients in rows:
        series = {}
        for contender in results.labels:
            found = [(layers, results.figure(kind, layers, row, state, contender, clients)) for layers in results.layers(kind)]
            if any(figure for _, figure in found) and contender not in ("fuse_null", "null_loop"):
                series[contender] = [(layers, figure.ns) for layers, figure in found if figure]
        if drawn := plot(series, results.labels):
            yield work_name(row, state, clients), drawn


def judged(results):
    lines = judged_table(results)
    rows = []
    for at, (work, state, _) in enumerate(GOALS):
        row = [element("td", html.escape(work_name(work, state, 1)))]
        for line in lines[at * len(COLUMNS):(at + 1) * len(COLUMNS)]:
            if line.ratio is None:
                row.append(element("td", f"&ndash; (goal {line.goal}&times;)"))
            else:
                row.append(element("td", f"{'~' if line.cut else ''}{line.ratio:.2f}&times; (goal {line.goal}&times;)",
                                   "met" if line.met else "missed"))
        rows.append(row)
    return table(["operations a second to kernel overlayfs's", *(column for _, _, column in COLUMNS)], rows)


def costs(results, kind):
    contenders = list(results.labels)
    rows = []
    for row in results.rows():
        for layers in results.layers(kind):
            figures = [results.figure(kind, layers, row[0], row[1], contender, row[2]) for contender in contenders]
            if not any(figures):
                continue
            kernel = figures[contenders.index("kernel")] if "kernel" in contenders else None
            cells = [element("td", html.escape(cell(figure, kernel, contender.startswith("plyfs"))))
                     for figure, contender in zip(figures, contenders)]
            rows.append([element("td", html.escape(work_name(*row))), element("td", str(layers)), *cells])
    return table(["work", "layers", *(results.labels[contender] for contender in contenders)], rows)


def write_plot(results, path):
    """The first plot alone, as an SVG file."""
    for name, drawn in plots(results, "every"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12" ', 1)
                       .replace(' role="img">', f' role="img"><style>{SVG_STYLE}</style><rect width="100%" height="100%" fill="white"/>'
                                f'<text x="74" y="11" font-weight="bold">time of an operation: {html.escape(name)}</text>', 1) + "\n")
        return


def mount_line(results):
    figures = [(layers, results.figure("every", layers, "mount", "first", "plyfs")) for layers in results.layers("every")]
    return ", ".join(f"{layers} layers: {cost(figure.ns)}" for layers, figure in figures if figure)


def write(results, path):
    facts = results.facts
    parts = [element("h1", "plyfs: what an operation costs, by number of layers")]
    if results.busy():
        parts.append(element("p", f"The machine was busy with other work (load {facts['load_before']:.1f} before the run): "
                             "these figures are not to be quoted.", "busy"))
    about = (f"<code>{html.escape(facts['command'])}</code><br>plyfs {facts['commit']}, Linux {facts['kernel']}, {facts['cpus']} CPUs "
             f"({html.escape(facts['cpu'])}), {facts['date']}, {results.rounds} interleaved rounds, medians (least..most). "
             "~: stopped at the time limit. !: plyfs is slower than kernel overlayfs.")
    parts.append(element("p", about))
    for kind in results.kinds():
        parts += [element("h2", f"Cost against layers: stack &ldquo;{kind}&rdquo;")]
        parts += [element("figure", element("figcaption", html.escape(name)) + drawn) for name, drawn in plots(results, kind)]
    parts += [element("h2", "As it is judged"), judged(results), element("p", f"Mounting plyfs: {mount_line(results)}.")]
    for kind in results.kinds():
        parts += [element("h2", f"All costs: stack &ldquo;{kind}&rdquo;"), costs(results, kind)]
    text = f"<!doctype html><html lang=en><meta charset=utf-8><title>plyfs benchmarks</title><style>{STYLE}</style>" + "\n".join(parts) + "</html>\n"
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)
