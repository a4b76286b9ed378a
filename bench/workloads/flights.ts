import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Graph } from "../../shared/onnx/graph.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import type { WorkloadRecipe } from "./recipe.ts";

/** Features of a flight, each with its mean and deviation among the three million. */
const FEATURES = {
  distance: { mean: 732, deviation: 575 },
  minute: { mean: 812, deviation: 285 },
  weekday: { mean: 3, deviation: 2 },
  day: { mean: 91, deviation: 52 },
  origin: { mean: 126, deviation: 73 },
  destination: { mean: 126, deviation: 73 },
} as const;
const COLUMNS = Object.keys(FEATURES);
const HIDDEN = [64, 64];

/** Rows of the file. Further rows are the same flights with other ids. */
const ROWS = 3_000_000;
const MOST_ROWS = 100 * ROWS;
/** Rows of a file: a dataset has many files, of about two megabytes each. */
const FILE_ROWS = 500_000;

/** Real flights, and a small perceptron that predicts their delay: reading costs as much as inference. */
export const flights: WorkloadRecipe = {
  version: 2,
  about: "3 million real flights, 6 of their columns through a 6-64-64-1 perceptron: data-bound",
  defaultRows: ROWS,
  maxRows: MOST_ROWS,
  inputs: [{ tensor: "features", dtype: "float32", columns: COLUMNS, rowDims: [COLUMNS.length], scale: 1 }],
  outputs: [{ column: "expected_delay", tensor: "delay", op: "raw" }],
  kept: ["id", "delay"],
  map: { inputs: { features: { columns: COLUMNS } } },
  model,
  writeRows,
};

/**
 * Builds the model: `features` float32 [batch, 6] -> standard score -> (MatMul, Add, Relu) twice -> MatMul,
 * Add -> `delay` float32 [batch, 1].
 */
function model(): Uint8Array {
  const graph = new Graph(11);
  const scores = Object.values(FEATURES);
  const means = graph.floats([COLUMNS.length], (index) => scores[index]?.mean ?? 0);
  const deviations = graph.floats([COLUMNS.length], (index) => scores[index]?.deviation ?? 1);
  let x = graph.step("Div", [graph.step("Sub", ["features", means]), deviations]);
  let width: number = COLUMNS.length;
  for (const to of HIDDEN) {
    x = graph.step("Relu", [layer(graph, x, width, to)]);
    width = to;
  }
  graph.output("delay", layer(graph, x, width, 1));
  return graph.encode(
    [{ name: "features", dtype: "float32", dims: ["batch", COLUMNS.length] }],
    [{ name: "delay", dtype: "float32", dims: ["batch", 1] }],
  );
}

function layer(graph: Graph, x: string, from: number, to: number): string {
  const product = graph.step("MatMul", [x, graph.weights([from, to], from)]);
  return graph.step("Add", [product, graph.floats([to], () => 0.1)]);
}

/** Writes the files with DuckDB, because users' files are seldom written by us. */
async function writeRows(folder: string, rows: number): Promise<void> {
  const source = sourcePath();
  const tempFolder = await mkdtemp(join(tmpdir(), "shardmill-bench-"));
  try {
    await using database = await openLockedDatabase({ folders: [dirname(source), folder], tempFolder });
    const input = `read_parquet(${quoteLiteral(source)}, file_row_number = true)`;
    await database.run(
      `CREATE TABLE airports AS SELECT name, (row_number() OVER (ORDER BY name) - 1)::INTEGER AS code
       FROM (SELECT origin AS name FROM ${input} UNION SELECT destination FROM ${input})`,
    );
    for (let start = 0; start < rows; start += FILE_ROWS) {
      const end = Math.min(rows, start + FILE_ROWS);
      const before = start - (start % ROWS);
      const path = join(folder, `part-${String(start / FILE_ROWS).padStart(3, "0")}.parquet`);
      await database.run(
        `COPY (
           SELECT file_row_number + ${before} AS id, delay, distance, (60 * hour(date) + minute(date))::INTEGER AS minute,
                  dayofweek(date)::INTEGER AS weekday, dayofyear(date)::INTEGER AS day,
                  origins.code AS origin, destinations.code AS destination
           FROM ${input} AS flight
           JOIN airports AS origins ON origins.name = flight.origin
           JOIN airports AS destinations ON destinations.name = flight.destination
           WHERE file_row_number >= ${start - before} AND file_row_number < ${end - before} ORDER BY id
         ) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`,
      );
    }
  } finally {
    await rm(tempFolder, { recursive: true, force: true });
  }
}

/** Returns the path of the file in the package `vega-datasets`, which exports only its index of names. */
function sourcePath(): string {
  const index = createRequire(import.meta.url).resolve("vega-datasets");
  return join(dirname(dirname(index)), "data", "flights-3m.parquet");
}
