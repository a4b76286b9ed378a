import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli, startCli } from "../support/processes.ts";

const folder = await mkdtemp(join(tmpdir(), "shardmill-stops-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a command that hangs in a native call ends at the third Ctrl-C", async () => {
  const main = join(folder, "hangs.mjs");
  const duckdb = pathToFileURL(createRequire(import.meta.url).resolve("@duckdb/node-api")).href;
  await writeFile(
    main,
    `import duckdb from ${JSON.stringify(duckdb)};
import { listenForStopSignals, whenAborted } from ${JSON.stringify(compiledUrl("shared/terminal/stop-signals.ts").href)};
const stops = listenForStopSignals();
whenAborted(() => console.log("requested"), stops.requested);
whenAborted(() => console.log("at once"), stops.atOnce);
const connection = await (await duckdb.DuckDBInstance.create(":memory:")).connect();
connection.run("SELECT count(*) FROM range(1000000000000)");
console.log("hangs");
`,
  );
  await using command = startCli([], { main });
  for (const said of [/^hangs\n/, /\nrequested\n/, /\nat once\n/]) {
    await command.saw(said);
    command.kill("SIGINT");
  }
  expect(await command.ended).toMatchObject({ code: null, signal: "SIGINT", stderr: "" });
});

// Child processes detect the end of their parent by their channels. `startCli` rejects when one is left.
test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
  "%s while a run starts leaves no process",
  async (signal) => {
    await using job = await KnownJob.make({ rows: 600, files: 1, rowGroupRows: 300 });
    for (const afterMs of [60, 250, 500]) {
      await using cli = startCli(["run", job.path], job);
      await sleep(afterMs, NEVER);
      cli.kill(signal);
      const { code, signal: by } = await cli.ended;
      expect([null, 130, 0]).toContain(code);
      expect([null, signal]).toContain(by);
    }
    expect(await runCli(["run", job.path], job)).toMatchObject({ code: 0 });
    await expectRightAnswer(job);
  },
);

describe("SIGTERM while a command loads", () => {
  // Signalled as soon as it handles signals, before it has loaded anything else.
  const preload = join(folder, "told.mjs");
  const told = { env: { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` } };
  beforeAll(() =>
    writeFile(
      preload,
      `delete process.env.NODE_OPTIONS;
const onListener = (name) => {
  if (name !== "SIGTERM") return;
  process.off("newListener", onListener);
  if (process.stdout.listenerCount("error") > 0) throw new Error("the command is already loaded");
  process.nextTick(() => process.kill(process.pid, "SIGTERM"));
};
process.on("newListener", onListener);
`,
    ),
  );

  test("ends a worker with the exit code of a drained worker", async () => {
    const args = ["worker", "--coordinator", "127.0.0.1:1", "--drained-exit-code", "75", "--workers", "1"];
    const { code, stderr } = await runCli(args, told);
    expect([code, stderr]).toEqual([75, expect.not.stringMatching(/Error/)]);
  });

  test("ends a command without leases by the signal", async () => {
    expect(await runCli(["version"], told)).toMatchObject({ code: null, signal: "SIGTERM" });
  });
});
