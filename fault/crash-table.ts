const WAYS = ["before", "torn", "written", "done", "acknowledged"] as const;

/** Areas of the disk. The first pattern that matches a path counts. */
const AREAS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["journal", /^_shardmill\/journal/],
  ["lock", /^_shardmill\/lock/],
  ["partials", /^(_shardmill\/partials|\d+-\d+\.\d+-|\.$|\.beacon)/],
  ["reduce and stage", /^_shardmill\/(stage|temp)/],
  ["publish", /^(rows|reduced|errors|\.?_manifest|_shardmill\/\.?publishing)/],
  ["work folder", /^_shardmill/],
];

/** Crash points, counted by their area and their progress. */
export class CrashTable {
  readonly #series: string;
  readonly #counts = new Map<string, Map<string, number>>();
  #points = 0;
  #mostAgain = 0;

  constructor(series: string) {
    this.#series = series;
  }

  /** @param point e.g. `written write _shardmill/journal/journal-000001.log`, or `done offerPartial` */
  add(point: string, again: number): void {
    const [way = "", operation = "", path] = point.split(" ");
    const area =
      path === undefined ? operation : (AREAS.find(([, pattern]) => pattern.test(path))?.[0] ?? path);
    const row = this.#counts.get(area) ?? new Map<string, number>();
    row.set(way, (row.get(way) ?? 0) + 1);
    this.#counts.set(area, row);
    this.#points += 1;
    this.#mostAgain = Math.max(this.#mostAgain, again);
  }

  get points(): number {
    return this.#points;
  }

  text(): string {
    const head = line(this.#series, WAYS);
    const rows = [...this.#counts].map(([area, row]) =>
      line(
        area,
        WAYS.map((way) => String(row.get(way) ?? "-")),
      ),
    );
    const foot = `${this.#points} points; at most ${this.#mostAgain} shards executed again after one crash`;
    return ["", head, ...rows, foot].join("\n");
  }
}

function line(first: string, cells: readonly string[]): string {
  return first.padEnd(24) + cells.map((cell) => cell.padStart(14)).join("");
}
