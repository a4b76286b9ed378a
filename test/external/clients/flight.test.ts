import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Utf8, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { ARROW_TYPES } from "../../support/arrow-types.ts";
import { type OutputTables, PublishedOutput } from "../../support/flight/published-output.ts";
import { needs } from "../../support/needs.ts";
import { type CliProcess, startCli } from "../../support/processes.ts";
import { embeddings, everyType, only, smallTable, tableOf } from "../../support/sample-table.ts";

/** Arrow Flight, called by pyarrow and Arrow for Go. `npm run clients` fetches and builds both. */

const testFlight = needs("flight");
const tools = process.env.SHARDMILL_FOREIGN ?? "";
const SCRIPT = join(packageRoot, "test", "external", "clients", "flight", "flight_client.py");
const SECRET = "a-secret-of-a-test-and-of-nothing-else-0123456789";
const LIMIT_MS = 120_000;

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "shardmill-flight-home-"));
  const folder = join(home, ".config", "shardmill");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "secret"), `${SECRET}\n`, { mode: 0o600 });
});

afterAll(() => rm(home, { recursive: true, force: true }));

interface Served extends AsyncDisposable {
  readonly output: PublishedOutput;
  readonly address: string;
}

async function serve(tables: OutputTables): Promise<Served> {
  const output = await PublishedOutput.make(tables);
  const args = [
    "flight",
    output.location,
    "--listen",
    "127.0.0.1:0",
    "--secret-file",
    join(home, ".config/shardmill/secret"),
  ];
  const cli: CliProcess = startCli(args, { limitMs: 300_000 });
  const [, address = ""] = await cli.saw(/Arrow Flight on ([\d.]+:\d+)/);
  return {
    output,
    address,
    async [Symbol.asyncDispose]() {
      cli.kill("SIGINT");
      await cli.ended;
      await output[Symbol.asyncDispose]();
    },
  };
}

function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, SECRET, ...env }, timeout: LIMIT_MS };
    execFile(join(tools, program), [...args], options, (error, stdout, stderr) =>
      error === null ? resolve(stdout) : reject(new Error(`${error.message}\n${stderr}`)),
    );
  });
}

const python = async (...args: readonly string[]) =>
  JSON.parse(await run("python/bin/python", [SCRIPT, ...args]));

/** Returns a column of each type. Dictionaries and views are published as plain values. */
function typeTables(format: "arrow" | "parquet"): OutputTables {
  const names = Object.keys(ARROW_TYPES).filter((name) => isPublished(name, format));
  const columns = names.map((name) => [name, ARROW_TYPES[name]?.data] as const);
  return {
    [`rows/part-00000.${format}`]: tableOf(Object.fromEntries(columns) as Parameters<typeof tableOf>[0]),
  };
}

function isPublished(name: string, format: "arrow" | "parquet"): boolean {
  // pyarrow has no values of months, nor of days with milliseconds.
  if (/dictionary|_view|year_month|day_time/.test(name)) return false;
  return format === "arrow" || !/union|month_day_nano|scale -2|binary of 0/.test(name);
}

describe.each(["arrow", "parquet"] as const)("an output of %s files", (format) => {
  /** Outputs with several parts, empty and long ones, and every type. */
  const outputs: Readonly<Record<string, () => OutputTables>> = {
    "every published type": () => typeTables(format),
    "columns with nulls": () => {
      const table = everyType(1_000);
      const plain = table.select(table.schema.names.filter((name) => name !== "dictionary"));
      return { [`rows/part-00000.${format}`]: plain };
    },
    "many parts": () =>
      Object.fromEntries(
        Array.from({ length: 40 }, (_, part) => [
          `rows/part-${String(part).padStart(5, "0")}.${format}`,
          smallTable(1 + part * 50),
        ]),
      ),
    "no rows": () => ({
      [`rows/part-00000.${format}`]: smallTable(0),
      "_reduced/none.pq": smallTable(0),
    }),
    "many long rows": () => ({
      [`rows/part-00000.${format}`]: tableOf({
        vector: embeddings(6_000, 384),
        text: only(
          vectorFromArray(
            Array.from({ length: 6_000 }, (_, row) => (row % 9 === 0 ? null : "wörd".repeat(row % 99))),
            new Utf8(),
          ),
        ),
      }),
      "_errors/part-00000.pq": smallTable(7),
    }),
  };

  testFlight.each(Object.keys(outputs))(
    "pyarrow and Arrow for Go read the same values as its files contain: %s",
    async (name) => {
      await using served = await serve(outputs[name]?.() ?? {});
      const { location } = served.output;
      const found: Record<string, Record<string, unknown>> = await python("read", served.address, location);
      for (const [flight, facts] of Object.entries(found)) {
        expect(facts, flight).toMatchObject({
          same: true,
          differ: [],
          ordered: true,
          announced: facts.rows,
        });
        expect(facts, flight).toMatchObject({ "info schema": true, "get schema": true });
      }
      const folder = await mkdtemp(join(tmpdir(), "shardmill-flight-go-"));
      try {
        await run("flight-client", [served.address, folder]);
        const written: Record<string, Record<string, unknown>> = await python("same", folder, location);
        for (const [flight, facts] of Object.entries(written))
          expect(facts, flight).toMatchObject({ same: true, differ: [] });
        expect(Object.keys(written).sort()).toEqual(Object.keys(found).sort());
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    300_000,
  );
});

describe("pyarrow", () => {
  testFlight("reports each refusal as its own type of error", async () => {
    await using served = await serve({ "rows/part-00000.parquet": smallTable(10) });
    expect(await python("refusals", served.address)).toEqual({
      "no secret": "FlightUnauthenticatedError",
      "another secret": "FlightUnauthenticatedError",
      "no flight": "ArrowKeyError",
      "a command": "ArrowInvalid",
      "no ticket": "ArrowKeyError",
      "an action": "ArrowNotImplementedError",
    });
  });

  testFlight("can abandon more streams than may be open at once, and then reads all rows", async () => {
    await using served = await serve({
      "rows/part-00000.arrow": tableOf({ vector: embeddings(6_000, 384) }),
    });
    expect(await python("left", served.address, "40")).toBe(6_000);
  });

  testFlight("reads all rows with the five lines of the documentation", async () => {
    await using served = await serve({
      "rows/part-00000.parquet": smallTable(10),
      "rows/part-00001.parquet": smallTable(5),
    });
    const page = await readFile(join(packageRoot, "docs", "flight.md"), "utf8");
    const [, lines = ""] = /```python\n([\s\S]*?)```/.exec(page) ?? [];
    expect(lines.trim().split("\n")).toHaveLength(5);
    const code = `${lines.replace("127.0.0.1:7434", served.address)}print(table.num_rows)`;
    expect((await run("python/bin/python", ["-c", code], { HOME: home })).trim()).toBe("15");
  });
});
