export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Lowest and highest measured values: a thin line through the bar's end. */
  readonly range?: readonly [low: number, high: number];
  /** Value to reach, or to stay below: a mark across the bar. */
  readonly aim?: number;
  /** Text behind the bar. Default: the value in `format`. */
  readonly text?: string;
  /** Tone that groups bars. Default: 0. */
  readonly tone?: 0 | 1 | 2;
}

/** Bars under one heading. */
interface BarGroup {
  readonly title: string;
  /** Format of its values. Default: the plot's. */
  readonly format?: (value: number) => string;
  readonly bars: readonly Bar[];
}

export interface BarPlot {
  readonly title: string;
  /** Lines of explanation: the measured quantity, its unit and the machine. */
  readonly about: readonly string[];
  readonly groups: readonly BarGroup[];
  /** Scale of the bars. `shared`: one for all groups. `each`: every group fills the width. */
  readonly scale: "shared" | "each";
  /** Format of a value behind its bar. */
  readonly format: (value: number) => string;
  /** Names of the tones. Default: no legend. */
  readonly tones?: readonly string[];
}

/** Least width. A plot is wider only if its longest label would leave no room for the bars. */
const LEAST_WIDTH = 800;
const LEAST_BARS_WIDTH = 260;
const MARGIN = 28;
const BAR = { height: 18, pitch: 28 };
const TITLE_HEIGHT = 34;
const LINE_HEIGHT = 19;
const GROUP_HEAD = 40;
const LEGEND_HEIGHT = 36;
/** Least room for the value behind the longest bar. */
const LEAST_VALUE_WIDTH = 84;
const VALUE_GAP = 8;
/** Average width of a sans-serif glyph in a label. Only the width of the label column depends on it. */
const GLYPH_WIDTH = 6.7;
/** Average width in a legend: longer text has more narrow letters. */
const LEGEND_GLYPH_WIDTH = 6.4;

/** Renders horizontal bars as SVG, without scripts and fonts. Readable on light and dark pages. */
export function renderBarPlot(plot: BarPlot): string {
  const bars = plot.groups.flatMap((group) => group.bars);
  const texts = plot.groups.flatMap((group) => group.bars.map((bar) => textOf(bar, formatOf(group, plot))));
  const labelWidth = 14 + widest(bars.map(({ label }) => label));
  const valueWidth = Math.max(LEAST_VALUE_WIDTH, 16 + widest(texts));
  const aside = 2 * MARGIN + labelWidth + valueWidth;
  const width = Math.max(LEAST_WIDTH, aside + LEAST_BARS_WIDTH);
  const area = { left: MARGIN + labelWidth, width: width - aside };
  const most = Math.max(0, ...bars.map(reach));
  let y = MARGIN + TITLE_HEIGHT;
  const parts = [text(MARGIN, MARGIN + 16, "title", plot.title)];
  for (const line of plot.about.flatMap((each) => wrap(each, width))) {
    parts.push(text(MARGIN, y + 4, "about", line));
    y += LINE_HEIGHT;
  }
  for (const group of plot.groups) {
    const top = plot.scale === "shared" ? most : Math.max(0, ...group.bars.map(reach));
    const length = (value: number) => (top > 0 ? (area.width * Math.max(0, value)) / top : 0);
    parts.push(text(MARGIN, y + 28, "group", group.title));
    y += GROUP_HEAD;
    for (const bar of group.bars) {
      parts.push(renderBar(bar, { y, left: area.left, length, format: formatOf(group, plot) }));
      y += BAR.pitch;
    }
  }
  parts.push(renderLegend(plot, bars, y + 14));
  const height = y + (hasLegend(plot, bars) ? LEGEND_HEIGHT : 0) + MARGIN / 2;
  return frame(plot, { width, height }, parts.join("\n"));
}

function widest(labels: readonly string[]): number {
  return GLYPH_WIDTH * Math.max(0, ...labels.map(({ length }) => length));
}

function formatOf(group: BarGroup, plot: BarPlot): BarPlot["format"] {
  return group.format ?? plot.format;
}

function textOf(bar: Bar, format: BarPlot["format"]): string {
  if (!Number.isFinite(bar.value)) return "no figure";
  return bar.text ?? format(bar.value);
}

/** Wraps a line. */
function wrap(line: string, width: number): readonly string[] {
  const most = (width - 2 * MARGIN) / GLYPH_WIDTH;
  const lines: string[] = [];
  for (const word of line.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function reach({ value, range, aim }: Bar): number {
  return Math.max(...[value, range?.[1] ?? 0, aim ?? 0].filter(Number.isFinite), 0);
}

interface BarPlace {
  readonly y: number;
  readonly left: number;
  readonly length: (value: number) => number;
  readonly format: (value: number) => string;
}

function renderBar(bar: Bar, { y, left, length, format }: BarPlace): string {
  const middle = y + BAR.height / 2;
  const width = Number.isFinite(bar.value) ? length(bar.value) : 0;
  const parts = [
    text(left - 10, middle + 4, "label end", bar.label),
    `<rect class="tone${bar.tone ?? 0}" x="${px(left)}" y="${y}" width="${px(Math.max(width, 1))}" height="${BAR.height}" rx="3"/>`,
  ];
  let end = width;
  if (bar.range?.every(Number.isFinite)) {
    const [low, high] = bar.range.map(length) as [number, number];
    end = Math.max(end, high);
    const path = `M${px(left + low)} ${middle}H${px(left + high)}M${px(left + low)} ${middle - 4}v8M${px(left + high)} ${middle - 4}v8`;
    parts.push(`<path class="range" d="${path}"/>`);
  }
  const value = textOf(bar, format);
  if (bar.aim !== undefined && Number.isFinite(bar.aim)) {
    const aim = length(bar.aim);
    parts.push(`<path class="aim" d="M${px(left + aim)} ${y - 4}v${BAR.height + 8}"/>`);
    // The value precedes the mark if there is room, so that it does not look like the aim's value.
    if (aim < end + VALUE_GAP + widest([value]) + VALUE_GAP) end = Math.max(end, aim);
  }
  parts.push(text(left + end + VALUE_GAP, middle + 4, "value", value));
  return parts.join("");
}

function hasLegend({ tones }: BarPlot, bars: readonly Bar[]): boolean {
  return tones !== undefined || bars.some(({ aim, range }) => aim !== undefined || range !== undefined);
}

function renderLegend(plot: BarPlot, bars: readonly Bar[], y: number): string {
  const entries: (readonly [mark: string, label: string])[] = (plot.tones ?? []).map((label, tone) => [
    `<rect class="tone${tone}" x="0" y="0" width="12" height="12" rx="2"/>`,
    label,
  ]);
  if (bars.some(({ aim }) => aim !== undefined))
    entries.push([`<path class="aim" d="M6 -2v16"/>`, "the aim"]);
  if (bars.some(({ range }) => range !== undefined))
    entries.push([`<path class="range" d="M0 6H12M0 2v8M12 2v8"/>`, "lowest and highest round"]);
  let x = MARGIN;
  return entries
    .map(([mark, label]) => {
      const entry = `<g transform="translate(${px(x)} ${y})">${mark}${text(19, 11, "about", label)}</g>`;
      x += 42 + LEGEND_GLYPH_WIDTH * label.length;
      return entry;
    })
    .join("");
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function frame(plot: BarPlot, { width, height }: Size, content: string): string {
  const [w, h] = [px(width), px(height)];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img" aria-label="${escapeXml(plot.title)}">
<style>${STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="${px(width - 1)}" height="${px(height - 1)}" rx="8"/>
${content}
</svg>
`;
}

/** Style with its own background, because a picture cannot know its page. */
const STYLE = `
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#24292f}
.title{font-size:18px;font-weight:600}.group{font-size:14px;font-weight:600}.about{fill:#57606a}
.end{text-anchor:end}.value{font-variant-numeric:tabular-nums}
.page{fill:#fff;stroke:#d0d7de}.tone0{fill:#2f6fdb}.tone1{fill:#9aa7b8}.tone2{fill:#d98a29}
.range{stroke:#24292f;stroke-width:1.4;fill:none;opacity:.75}.aim{stroke:#c2255c;stroke-width:2.2;stroke-linecap:round}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.about{fill:#9198a1}.page{fill:#0d1117;stroke:#3d444d}
.tone0{fill:#4c8df6}.tone1{fill:#626d7c}.tone2{fill:#e3a04f}.range{stroke:#e6edf3}.aim{stroke:#ff6b9a}}
`;

function text(x: number, y: number, classes: string, content: string): string {
  return `<text class="${classes}" x="${px(x)}" y="${px(y)}">${escapeXml(content)}</text>`;
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escapeXml(content: string): string {
  return content.replaceAll(/[&<>"]/g, (sign) => ENTITIES[sign] ?? sign);
}
