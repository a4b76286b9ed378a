import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { startListening, untilCommitted } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/**
 * Returns an environment that loads a script first in each process and thread. The script refuses every hard
 * link, and records it.
 */
function refusingLinks(tally: string): Readonly<Record<string, string>> {
  const preload = `
    import fs from "node:fs/promises";
    import { appendFileSync } from "node:fs";
    import { basename } from "node:path";
    import { syncBuiltinESMExports } from "node:module";
    fs.link = async (from, to) => {
      appendFileSync(${JSON.stringify(tally)}, basename(to) + "\\n");
      throw Object.assign(new Error("EPERM: operation not permitted, link"), { code: "EPERM" });
    };
    syncBuiltinESMExports();`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}` };
}

test("without hard links a killed run resumes over gRPC and publishes the right rows", async () => {
  await using job = await KnownJob.make({
    rows: 2_400,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
  const env = { ...job.env, ...refusingLinks(job.at("tally")) };
  await using killed = (await startListening(job, ["run", job.path], { env })).cli;
  await untilCommitted(job, 2);
  killed.killGroup("SIGKILL");
  await killed.ended;
  const { cli, address } = await startListening(job, ["coordinator", job.path, "--listen", "127.0.0.1:0"], {
    env,
  });
  await using coordinator = cli;
  const worker = ["worker", "--coordinator", address, "--device", "cpu", "--workers", "1"];
  await runCli([...worker, "--data", "coordinator"], { env });
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
  const refused = (await readFile(job.at("tally"), "utf8")).split("\n");
  // A segment of the journal needs no link, because it is created exclusively under its own name.
  for (const name of ["lock.json", "rows.parquet", "_manifest.json"]) expect(refused).toContain(name);
});
