import { describe, expect, test } from "vitest";
import { type Bar, type BarPlot, renderBarPlot } from "../../../../bench/report/bar-plot.ts";

function aPlot(groups: readonly (readonly Bar[])[], changes: Partial<BarPlot> = {}): string {
  return renderBarPlot({
    title: "Speed",
    about: ["rows a second"],
    scale: "shared",
    format: (value) => `${value} rows`,
    groups: groups.map((bars, index) => ({ title: `group ${index}`, bars })),
    ...changes,
  });
}

/** Returns the width of each bar, in order. */
function widths(svg: string): number[] {
  return [...svg.matchAll(/<rect class="tone\d" x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="18"/g)].map(
    ([, width]) => Number(width),
  );
}

function marks(svg: string): number[] {
  return [...svg.matchAll(/<path class="aim" d="M([\d.]+) [\d.]+v26"/g)].map(([, x]) => Number(x));
}

describe("a plot of bars", () => {
  test("bars are proportional to their values across all groups of a shared scale", () => {
    const [long = 0, half, quarter] = widths(
      aPlot([
        [
          { label: "a", value: 100 },
          { label: "b", value: 50 },
        ],
        [{ label: "c", value: 25 }],
      ]),
    );
    expect(long).toBeGreaterThan(300);
    expect([half, quarter]).toEqual([long / 2, long / 4].map((width) => expect.closeTo(width, 0)));
  });

  test("the longest bar of every group fills the width when each group has its own scale", () => {
    const groups = [[{ label: "a", value: 1_000 }], [{ label: "b", value: 0.001 }]];
    const [first, second] = widths(aPlot(groups, { scale: "each" }));
    expect(second).toBe(first);
  });

  test("an aim beyond the bar is drawn at its place on the scale", () => {
    const svg = aPlot([[{ label: "a", value: 50, aim: 100 }]]);
    const [width = 0] = widths(svg);
    const left = Number(
      /<rect class="tone0" x="([\d.]+)" y="[\d.]+" width="[\d.]+" height="18"/.exec(svg)?.[1],
    );
    expect(marks(svg)).toEqual([expect.closeTo(left + 2 * width, 0)]);
    expect(svg).toContain("the aim");
  });

  test("a value is written after its bar, and after the aim only where it would cover the aim", () => {
    const valueAt = (aim: number) => {
      const svg = aPlot([[{ label: "a", value: 10, aim }]]);
      return { x: Number(/<text class="value" x="([\d.]+)"/.exec(svg)?.[1]), mark: marks(svg)[0] ?? 0 };
    };
    const [far, near] = [valueAt(100), valueAt(10.3)];
    expect(far.x).toBeLessThan(far.mark - 20);
    expect(near.x).toBeGreaterThan(near.mark);
  });

  test("text is escaped, and long lines are wrapped", () => {
    const long = Array.from({ length: 60 }, (_, index) => `word${index}`).join(" ");
    const svg = aPlot([[{ label: 'a < "b" & c', value: 1 }]], { about: [long] });
    expect(svg).toContain("a &lt; &quot;b&quot; &amp; c");
    const lines = [...svg.matchAll(/<text class="about"[^>]*>([^<]*)</g)].map(([, line]) => line);
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.join(" ")).toBe(long);
  });

  test("long names and values widen the picture, and bars keep their room", () => {
    const name = "a variant with a name that goes on and on, ".repeat(3);
    const svg = aPlot([[{ label: name, value: 10, text: "10 rows, and what else there is to say of them" }]]);
    const page = Number(/<svg [^>]*width="([\d.]+)"/.exec(svg)?.[1]);
    const bar = /<rect class="tone0" x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="18"/.exec(svg);
    const [left, width] = [Number(bar?.[1]), Number(bar?.[2])];
    const glyph = 6.5;
    expect(left - 10 - glyph * name.length).toBeGreaterThan(0);
    expect(width).toBeGreaterThan(200);
    expect(left + width + 8 + glyph * 46).toBeLessThan(page);
    expect(svg).toContain(`>${name}<`);
  });

  test("a group can have its own format, and a bar its own text", () => {
    const svg = renderBarPlot({
      title: "Mixed",
      about: [],
      scale: "each",
      format: (value) => `${value} rows`,
      groups: [
        { title: "rows", bars: [{ label: "a", value: 1 }] },
        { title: "time", format: (value) => `${value} ms`, bars: [{ label: "b", value: 2 }] },
        { title: "said", bars: [{ label: "c", value: 3, text: "three" }] },
      ],
    });
    expect([...svg.matchAll(/<text class="value"[^>]*>([^<]*)</g)].map(([, text]) => text)).toEqual([
      "1 rows",
      "2 ms",
      "three",
    ]);
  });

  test("the picture is well-formed XML with every element closed in order", () => {
    const bars = [{ label: "<&>", value: 3, range: [1, 4], aim: 5, tone: 1 }] as const;
    const svg = aPlot([bars, bars], { tones: ["one", "two"] });
    const open: string[] = [];
    for (const [, closing, name, rest = ""] of svg.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
      expect(rest.replaceAll(/ [a-zA-Z-]+="[^"<&]*"/g, "")).toMatch(/^\/?$/);
      if (closing === "/") expect(open.pop()).toBe(name);
      else if (!rest.endsWith("/")) open.push(name ?? "");
    }
    expect(open).toEqual([]);
  });

  test("a bar without a value shows `no figure`, and the picture has no NaN or Infinity", () => {
    const nothing = {
      value: Number.NaN,
      range: [Number.POSITIVE_INFINITY, Number.NaN],
      aim: Number.NaN,
    } as const;
    const svg = aPlot([[{ label: "a", ...nothing }], []]);
    expect(svg).toContain(">no figure<");
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});
