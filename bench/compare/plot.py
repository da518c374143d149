"""Plots as inline SVG: cost of an operation against the number of layers, both logarithmic."""
import html
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 340, 64, 150, 14, 40
COLOURS = {"kernel": "#c0392b", "plyfs": "#1f6fb2", "plyfs-frozen": "#27a0a0", "plyfs-indexed": "#2e8b57",
           "fuse-overlayfs": "#b8860b", "flat": "#777777", "fuse_null": "#9b59b6", "null_loop": "#555555"}


def decades(low, high):
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def tick(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:g} {unit}"
    return f"{ns:g} ns"


class Axes:
    def __init__(self, layers, costs):
        self.layers = layers
        self.x_low, self.x_high = math.log10(layers[0]), math.log10(max(layers[-1], layers[0] * 10))
        exponents = decades(min(costs), max(costs))
        self.exponents = list(exponents)
        self.y_low, self.y_high = self.exponents[0], max(self.exponents[-1], self.exponents[0] + 1)

    def x(self, layers):
        return LEFT + (math.log10(layers) - self.x_low) / (self.x_high - self.x_low) * (WIDTH - LEFT - RIGHT)

    def y(self, ns):
        return HEIGHT - BOTTOM - (math.log10(ns) - self.y_low) / (self.y_high - self.y_low) * (HEIGHT - TOP - BOTTOM)

    def svg(self):
        for exponent in self.exponents:
            at = self.y(10 ** exponent)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
            yield f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick(10 ** exponent)}</text>'
        for count in self.layers:
            yield f'<text x="{self.x(count):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{count}</text>'
        yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">layers</text>'


def labels_apart(ends):
    """(y, key) so that no two labels overlap."""
    placed = []
    for at, key in sorted(ends):
        placed.append((max(at, placed[-1][0] + 14) if placed else at, key))
    return placed


def plot(series, labels):
    """`series`: contender -> [(layers, ns)].  Empty where nothing was measured."""
    points = [point for line in series.values() for point in line]
    if not points:
        return ""
    axes = Axes(sorted({layers for layers, _ in points}), [ns for _, ns in points])
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">', *axes.svg()]
    ends = []
    for key, line in series.items():
        colour = COLOURS.get(key, "#000000")
        where = [(axes.x(layers), axes.y(ns)) for layers, ns in sorted(line)]
        if not where:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in where)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in where]
        ends.append((where[-1][1], key))
    for at, key in labels_apart(ends):
        parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{at + 4:.1f}" fill="{COLOURS.get(key, "#000")}">'
                     f'{html.escape(labels.get(key, key))}</text>')
    return "\n".join([*parts, "</svg>"])
