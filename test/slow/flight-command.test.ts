import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { userCredential } from "../../shared/access/credential.ts";
import { FlightClient } from "../support/flight/flight-client.ts";
import { PublishedOutput } from "../support/flight/published-output.ts";
import {
  journalFacts,
  startListening,
  startWorker,
  until,
  untilCommitted,
} from "../support/job-processes.ts";
import { KnownJob } from "../support/known-job.ts";
import { needs } from "../support/needs.ts";
import { type CliProcess, runCli, startCli } from "../support/processes.ts";
import { failing } from "../support/refusals.ts";
import { plainRows, smallTable } from "../support/sample-table.ts";
import { failureOf } from "../support/wire-rig.ts";

async function flightOf(cli: CliProcess, credential = userCredential()): Promise<FlightClient> {
  const [, address = ""] = await cli.saw(/Arrow Flight on ([\d.]+:\d+)/);
  return new FlightClient(address, credential);
}

describe("shardmill flight", () => {
  test("serves an output to callers with the user's secret, and no others, until it is stopped", async () => {
    await using output = await PublishedOutput.make({
      "rows/part-00000.parquet": smallTable(10),
      "_reduced/a.pq": smallTable(2),
    });
    await using cli = startCli(["flight", output.location, "--listen", "127.0.0.1:0", "--json"]);
    using client = await flightOf(cli);
    const flights = [
      { path: "rows", rows: 10 },
      { path: "reduced/a", rows: 2 },
    ];
    expect(JSON.parse(cli.stdout)).toMatchObject({ flights });
    expect(cli.stderr).toContain("rows (10 rows), reduced/a (2 rows)");
    expect(plainRows(await client.readAll("rows"))).toEqual(plainRows(smallTable(10)));
    using stranger = await flightOf(cli, { path: "/no/secret", secret: null });
    const { tickets } = await client.info("rows");
    for (const call of [
      stranger.list(),
      stranger.info("rows"),
      stranger.read(tickets[0] ?? new Uint8Array()),
    ])
      expect(await failureOf(call)).toMatchObject({ code: "SECRET_REFUSED" });
    cli.kill("SIGINT");
    expect(await cli.ended).toMatchObject({ code: 130 });
  });

  needs("csv-json")("does not announce rows that are text, and refuses them", async () => {
    await using output = await PublishedOutput.make({
      "rows/part-00000.csv": smallTable(10),
      "_reduced/a.pq": smallTable(2),
    });
    await using cli = startCli(["flight", output.location, "--listen", "127.0.0.1:0"]);
    using client = await flightOf(cli);
    expect(cli.stderr).toContain("reduced/a (2 rows) (the rows are text, which is not served)");
    expect(await failureOf(client.info("rows"))).toMatchObject({ code: "RESULT_NOT_FOUND" });
    cli.kill("SIGINT");
    await cli.ended;
  });

  test("exits on SIGTERM while an open stream is not read", async () => {
    await using output = await PublishedOutput.make({ "rows/part-00000.parquet": smallTable(10) });
    await using cli = startCli(["flight", output.location, "--listen", "127.0.0.1:0"]);
    using client = await flightOf(cli);
    const { tickets } = await client.info("rows");
    const stream = client.messages(tickets[0] ?? new Uint8Array());
    await stream.next();
    cli.kill("SIGTERM");
    expect(await cli.ended).toMatchObject({ code: 130 });
    await stream.return().catch(() => {});
  });

  test("fails with RESULT_NOT_FOUND for a folder without an output", async () => {
    const { code, error } = await failing(["flight", "/tmp/there-is-no-such-output"]);
    expect([code, error.code, error.fields.path]).toEqual([
      2,
      "RESULT_NOT_FOUND",
      "/tmp/there-is-no-such-output",
    ]);
    expect(error.hint).toContain("--flight");
  });

  test("refuses an invalid output, an invalid address and a port in use", async () => {
    await using output = await PublishedOutput.make({ "rows/part-00000.parquet": smallTable(10) });
    const gs = await failing(["flight", "ftp://bucket/out"]);
    expect([gs.code, gs.error.code, gs.error.problems[0]?.where]).toEqual([2, "ARGUMENT_INVALID", "output"]);
    const place = await failing(["flight", output.location, "--listen", "7434"]);
    expect([place.code, place.error.code, place.error.problems[0]?.where]).toEqual([
      2,
      "ARGUMENT_INVALID",
      "--listen",
    ]);
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const address = holder.address();
    const port = typeof address === "object" ? address?.port : 0;
    const taken = await failing(["flight", output.location, "--listen", `127.0.0.1:${port}`]);
    holder.close();
    expect([taken.code, taken.error.code]).toEqual([2, "PORT_IN_USE"]);
    expect((await runCli(["flight"])).stderr).toContain("flight needs <output>");
  });
});

describe("a coordinator with --flight", () => {
  test("serves the combined tables of committed shards while the job runs, and then the results", async () => {
    await using job = await KnownJob.make({
      rows: 1_600,
      rowGroupRows: 100,
      hidden: [700, 700],
      spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
    });
    const args = ["coordinator", "--listen", "127.0.0.1:0", "--flight", "127.0.0.1:0"];
    const { cli, address } = await startListening(job, args);
    await using _coordinator = cli;
    using client = await flightOf(cli);
    expect(await client.list()).toEqual([]);
    const submitted = await runCli(["submit", job.path, "--coordinator", address], { env: job.env });
    const jobId = submitted.stdout.trim();
    expect(await failureOf(client.info(jobId, "partials", "classes"))).toMatchObject({
      code: "RESULT_NOT_FOUND",
    });

    await using worker = startWorker(job, address);
    await untilCommitted(job, 3);
    worker.killGroup("SIGSTOP");
    // Partials that the worker has offered may still be committed.
    const rowsCommitted = async () => {
      const { committed } = await journalFacts(job);
      return { shards: committed.length, rows: committed.reduce((rows, { rowsOut }) => rows + rowsOut, 0) };
    };
    const before = await rowsCommitted();
    const info = await client.info(jobId, "partials", "classes");
    const counted = (await client.readAll(jobId, "partials", "classes"))
      .toArray()
      .reduce((sum, { n }) => sum + Number(n), 0);
    const after = await rowsCommitted();
    expect(info.tickets.length).toBeGreaterThanOrEqual(before.shards);
    expect(info.tickets.length).toBeLessThanOrEqual(after.shards);
    expect(counted).toBeGreaterThanOrEqual(before.rows);
    expect(counted).toBeLessThanOrEqual(after.rows);
    expect((await client.list()).map(({ path }) => path.join("/"))).toEqual([`${jobId}/partials/classes`]);

    worker.killGroup("SIGCONT");
    const rows = await until("the published rows", () => client.info(jobId, "rows").catch(() => null));
    expect(rows.rows).toBe(1_600);
    const ids = (await client.readAll(jobId, "rows")).getChild("id")?.toArray();
    expect(Array.from(ids ?? [], Number)).toEqual(Array.from(job.known.ids, Number));
    expect((await client.list()).map(({ path }) => path.join("/"))).toEqual([
      `${jobId}/rows`,
      `${jobId}/reduced/classes`,
      `${jobId}/reduced/notes`,
    ]);
    const old = info.tickets[0] ?? new Uint8Array();
    expect(await failureOf(client.read(old))).toMatchObject({ code: "RESULT_NOT_FOUND" });
    worker.kill("SIGTERM");
    await worker.ended;
  });

  test("refuses an invalid address", async () => {
    const args = ["coordinator", "--listen", "127.0.0.1:0", "--flight", "nowhere"];
    const { code, error } = await failing(args);
    expect([code, error.code, error.problems[0]?.where]).toEqual([2, "ARGUMENT_INVALID", "--flight"]);
  });
});
