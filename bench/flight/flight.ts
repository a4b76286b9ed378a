import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Float32, Int64, makeData } from "apache-arrow";
import type { CommandModule } from "yargs";
import { packageRoot } from "../../shared/core/package-root.ts";
import { withTempFolder } from "../../shared/core/temp-folder.ts";
import type { PieceLimits } from "../../shared/dataset/cut-rows.ts";
import type { TableData } from "../../shared/terminal/table.ts";
import { type OutputTables, PublishedOutput } from "../../test/support/flight/published-output.ts";
import { embeddings, tableOf } from "../../test/support/sample-table.ts";
import { median, note, report, round } from "../report/report.ts";
import { type FlightReading, type FlightTools, readAll, SERVERS, type ServerName, serve } from "./served.ts";

interface FlightArguments {
  readonly rounds: number;
  readonly mib: number;
  readonly forms: readonly FormName[];
}

/** Layouts of the same rows in their files. */
const FORMS = {
  "Arrow, batches of 1 MiB": { format: "arrow", batches: { rows: 65_536, bytes: 1 << 20 } },
  "Arrow, batches of 3 MiB": { format: "arrow", batches: { rows: 65_536, bytes: 3 << 20 } },
  "Arrow, batches of 65,536 rows": { format: "arrow", batches: { rows: 65_536, bytes: 64 << 20 } },
  Parquet: { format: "parquet", batches: undefined },
} as const satisfies Record<string, { format: string; batches: PieceLimits | undefined }>;
type FormName = keyof typeof FORMS;
const FORM_NAMES = Object.keys(FORMS) as FormName[];

const FILES = 4;
const STREAMS = [1, 4];
/** Width of a vector. A row also has an id and a score. */
const WIDTH = 64;
const ROW_BYTES = 8 + 4 + 4 * WIDTH;

export const flightBench: CommandModule<object, FlightArguments> = {
  command: "flight",
  describe: "Rows by Arrow Flight to pyarrow's client, against pyarrow's own server over the same files",
  builder: (yargs) =>
    yargs.options({
      rounds: { type: "number", default: 5, describe: "Rounds. Each reads everything once from each server" },
      mib: { type: "number", default: 256, describe: `MiB of rows, in ${FILES} files` },
      forms: { choices: FORM_NAMES, array: true, default: FORM_NAMES, describe: "Formats of the files" },
    }),
  handler: runFlight,
};

interface Measured {
  readonly form: FormName;
  readonly server: ServerName;
  readonly streams: number;
  readonly readings: FlightReading[];
}

async function runFlight({ rounds, mib, forms }: FlightArguments): Promise<void> {
  const found = await withTempFolder("flight", async (folder) => {
    const secret = randomBytes(32).toString("base64url");
    const secretFile = join(folder, "secret");
    await writeFile(secretFile, `${secret}\n`, { mode: 0o600 });
    const tools = { python: fetchPython(), secret, secretFile };
    const all: Measured[] = [];
    for (const form of forms) all.push(...(await measureForm(form, { rounds, mib }, tools)));
    return all;
  });
  report({
    bench: "flight",
    about: `${mib} MiB of rows in ${FILES} files, read by pyarrow's client from both servers by turns`,
    options: { rounds, mib, forms },
    table: tableOfFound(found),
    notes: [
      "client and server share the cores. A ratio is of two readings of one round",
      "bytes are those of the rows in memory. CPU time is that of the whole server process during reading",
    ],
  });
}

async function measureForm(
  form: FormName,
  { rounds, mib }: Pick<FlightArguments, "rounds" | "mib">,
  tools: FlightTools,
): Promise<readonly Measured[]> {
  const { format, batches } = FORMS[form];
  await using output = await PublishedOutput.make(tables(mib, format), batches);
  await using ours = await serve("Shardmill", output.location, tools);
  await using theirs = await serve("pyarrow", output.location, tools);
  const found = STREAMS.flatMap((streams) =>
    SERVERS.map((server): Measured => ({ form, server, streams, readings: [] })),
  );
  // The first reading warms each server and the files.
  for (let at = -1; at < rounds; at += 1) {
    for (const { server, streams, readings } of found) {
      const reading = await readAll(server === "Shardmill" ? ours : theirs, streams, tools);
      if (at < 0) continue;
      readings.push(reading);
      note(`${form}, round ${at + 1}, ${server}, ${streams} at once: ${round(speed(reading))} MB/s`);
    }
  }
  return found;
}

function tables(mib: number, format: string): OutputTables {
  const rows = Math.floor((mib << 20) / FILES / ROW_BYTES);
  return Object.fromEntries(
    Array.from({ length: FILES }, (_, file) => {
      const ids = BigInt64Array.from({ length: rows }, (_, row) => BigInt(file * rows + row));
      const scores = Float32Array.from({ length: rows }, (_, row) => Math.sin(row));
      const id = makeData({ type: new Int64(), data: ids });
      const score = makeData({ type: new Float32(), data: scores });
      return [`rows/part-0000${file}.${format}`, tableOf({ id, score, vector: embeddings(rows, WIDTH) })];
    }),
  );
}

function tableOfFound(found: readonly Measured[]): TableData {
  return {
    columns: [
      "files",
      "at once",
      "server",
      "MB/s",
      "each round",
      "of pyarrow's",
      "server's CPU s a GB",
      "client's",
    ],
    rows: found.map(({ form, streams, server, readings }) => {
      const theirs = found.find(
        (other) => other.form === form && other.streams === streams && other.server === "pyarrow",
      );
      const ratios = readings.map((reading, at) => speed(reading) / speed(theirs?.readings[at] ?? reading));
      return [
        ...[form, streams, server, round(median(readings.map(speed)))],
        readings.map((reading) => round(speed(reading))).join(", "),
        round(median(ratios)),
        round(median(readings.map(({ serverCpuSeconds, bytes }) => (serverCpuSeconds * 1e9) / bytes))),
        round(median(readings.map(({ clientCpuSeconds, bytes }) => (clientCpuSeconds * 1e9) / bytes))),
      ];
    }),
  };
}

function speed({ bytes, seconds }: FlightReading): number {
  return bytes / 1e6 / seconds;
}

/** Returns the Python of `npm run clients`. */
function fetchPython(): string {
  const script = join(packageRoot, "scripts", "foreign.mjs");
  const said = execFileSync(process.execPath, [script, "clients", "--fetch"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return join(said.trim().split("\n").at(-1) ?? "", "python", "bin", "python");
}
