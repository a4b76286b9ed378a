import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  Field,
  FixedSizeList,
  Float32,
  Int64,
  makeData,
  type Table,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { stringify } from "yaml";
import { encodeArrow, encodeParquet } from "../../shared/dataset/encode.ts";
import { lcg, type MlpSpec, mlpModel } from "./onnx-model.ts";
import { only, tableOf } from "./sample-table.ts";

/** Number of values in a row's `features`, and of inputs of the model. */
export const WIDTH = 8;
/** Number of outputs of the model. */
export const CLASSES = 4;

/** Rows of a dataset as plain arrays, in input order, for an independent computation. */
export interface KnownRows {
  readonly rows: number;
  /** Ids: a permutation of 0 to rows - 1, so that sorting does not restore the order of the input. */
  readonly ids: BigInt64Array;
  /** Features: `rows * WIDTH` values, row by row. */
  readonly features: Float32Array;
  readonly notes: readonly (string | null)[];
}

export interface KnownJobOptions {
  readonly rows?: number;
  readonly files?: number;
  readonly rowGroupRows?: number;
  /** `list`: one column `features`. `columns`: `f0` to `f7`. */
  readonly layout?: "list" | "columns";
  readonly format?: "parquet" | "arrow";
  /** Widths of the model's hidden layers. A wider model is slower. */
  readonly hidden?: MlpSpec["hidden"];
  /** Top-level keys, each merged into that of {@link KNOWN_SPEC}. `reduce` replaces it. */
  readonly spec?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Rows whose features contain a null, by their place in the input. */
  readonly nullRows?: readonly number[];
}

/**
 * A job with a known right answer, in a temporary folder. `job/` has `data/`, `model.onnx`, `job.yaml` and,
 * later, `out/`. `tmp/` is for the temporary files of its processes.
 */
export class KnownJob implements AsyncDisposable {
  readonly folder: string;
  readonly known: KnownRows;
  readonly model: MlpSpec;
  readonly #spec: NonNullable<KnownJobOptions["spec"]>;

  private constructor(
    folder: string,
    known: KnownRows,
    model: MlpSpec,
    spec: NonNullable<KnownJobOptions["spec"]>,
  ) {
    this.folder = folder;
    this.known = known;
    this.model = model;
    this.#spec = spec;
  }

  static async make(options: KnownJobOptions = {}): Promise<KnownJob> {
    const { rows = 4_000, files = 2, hidden = 16, layout = "list", spec = {} } = options;
    const model = { inputs: WIDTH, hidden, outputs: CLASSES, seed: 3 };
    const folder = await mkdtemp(join(tmpdir(), "shardmill-job-"));
    const job = new KnownJob(folder, knownRows(rows), model, merged(layoutSpec(layout), spec));
    await mkdir(job.tmp, { recursive: true });
    await job.write("model.onnx", mlpModel(model));
    await job.writeData(files, options);
    await job.writeSpec();
    return job;
  }

  get path(): string {
    return this.at("job.yaml");
  }

  get out(): string {
    return this.at("out");
  }

  get tmp(): string {
    return join(this.folder, "tmp");
  }

  /** Environment of this job's processes, in which their temporary files are visible. */
  get env(): Readonly<Record<string, string>> {
    return { TMPDIR: this.tmp, SHARDMILL_STATE: join(this.folder, "state") };
  }

  at(...names: readonly string[]): string {
    return join(this.folder, "job", ...names);
  }

  async write(name: string, content: string | Uint8Array): Promise<void> {
    await mkdir(dirname(this.at(name)), { recursive: true });
    await writeFile(this.at(name), content);
  }

  /** Writes `job.yaml` again, with more keys replaced. */
  writeSpec(spec: NonNullable<KnownJobOptions["spec"]> = {}): Promise<void> {
    return this.write("job.yaml", stringify(merged(merged(KNOWN_SPEC, this.#spec), spec)));
  }

  async writeData(files: number, options: KnownJobOptions): Promise<void> {
    const { format = "parquet", rowGroupRows = 1_000, layout = "list", nullRows = [] } = options;
    const { rows } = this.known;
    for (let file = 0; file < files; file += 1) {
      const [start, end] = [Math.floor((rows * file) / files), Math.floor((rows * (file + 1)) / files)];
      const table = tableFrom(this.known, start, end, layout, new Set(nullRows));
      const bytes = format === "arrow" ? encodeArrow(table) : encodeParquet(table, { rowGroupRows });
      await this.write(`data/part-${String(file).padStart(4, "0")}.${format}`, bytes);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Reductions of both kinds: one with `combine`, in exact integer sums, and one over all `rows`. */
export const KNOWN_SPEC = {
  name: "known",
  input: { path: "./data", shardRows: 500 },
  model: { path: "./model.onnx", device: "cpu" },
  map: {
    inputs: { input: "features" },
    outputs: { logits: "logits", class: { tensor: "logits", op: "argmax" } },
    keep: ["id", "note"],
    batch: { rows: 128 },
  },
  reduce: {
    classes: {
      combine: "SELECT class, count(*) AS n, sum(id) AS ids FROM rows GROUP BY class",
      final:
        "SELECT class, sum(n)::BIGINT AS n, sum(ids)::BIGINT AS ids FROM partials GROUP BY class ORDER BY class",
    },
    notes: {
      final:
        "SELECT note, count(*) AS n, min(id) AS low, max(id) AS high FROM rows GROUP BY note ORDER BY note NULLS LAST",
    },
  },
  output: { path: "./out" },
} as const;

/** The reductions of a known job, by key. */
export const KEYED_REDUCE = {
  classes: { by: ["class"], ...KNOWN_SPEC.reduce.classes },
  notes: { by: ["note"], ...KNOWN_SPEC.reduce.notes },
} as const;

function layoutSpec(layout: "list" | "columns"): NonNullable<KnownJobOptions["spec"]> {
  return layout === "list" ? {} : { map: { inputs: { input: { columns: "f*" } } } };
}

function merged(
  base: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Record<string, Readonly<Record<string, unknown>>> {
  const groups = Object.entries(over).map(([key, group]) => {
    const under = base[key];
    const joins = key !== "reduce" && isGroup(under) && isGroup(group);
    return [key, joins ? { ...under, ...group } : group] as const;
  });
  return { ...base, ...Object.fromEntries(groups) } as Record<string, Readonly<Record<string, unknown>>>;
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function knownRows(rows: number, seed = 7): KnownRows {
  const random = lcg(seed);
  const step = coprimeStep(rows);
  return {
    rows,
    ids: BigInt64Array.from({ length: rows }, (_, row) => BigInt((row * step) % rows)),
    features: Float32Array.from({ length: rows * WIDTH }, () => random() * 2 - 1),
    notes: Array.from({ length: rows }, (_, row) => (row % 11 === 3 ? null : `note-${row % 13}`)),
  };
}

/** Returns a step whose multiples, modulo `rows`, take every value once. */
function coprimeStep(rows: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let step = 7_919;
  while (divisor(step, Math.max(1, rows)) !== 1) step += 2;
  return step;
}

function tableFrom(
  known: KnownRows,
  start: number,
  end: number,
  layout: "list" | "columns",
  nullRows: ReadonlySet<number>,
): Table {
  const rows = end - start;
  const id = makeData({ type: new Int64(), data: known.ids.slice(start, end) });
  const note = only(vectorFromArray(known.notes.slice(start, end), new Utf8()));
  const values = known.features.slice(start * WIDTH, end * WIDTH);
  const nulls = validity(rows, (row) => !nullRows.has(start + row));
  if (layout === "columns") {
    const columns = Array.from({ length: WIDTH }, (_, column) => {
      const data = Float32Array.from({ length: rows }, (_, row) => values[row * WIDTH + column] ?? 0);
      return [`f${column}`, makeData({ type: new Float32(), length: rows, data, ...nulls })] as const;
    });
    return tableOf({ id, note, ...Object.fromEntries(columns) });
  }
  const features = makeData({
    type: new FixedSizeList(WIDTH, new Field("item", new Float32(), true)),
    length: rows,
    ...nulls,
    child: makeData({ type: new Float32(), data: values }),
  });
  return tableOf({ id, note, features });
}

function validity(
  rows: number,
  valid: (row: number) => boolean,
): { nullCount: number; nullBitmap?: Uint8Array } {
  const nullBitmap = new Uint8Array(Math.ceil(rows / 8));
  let nullCount = 0;
  for (let row = 0; row < rows; row += 1) {
    if (valid(row)) nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7));
    else nullCount += 1;
  }
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap };
}
