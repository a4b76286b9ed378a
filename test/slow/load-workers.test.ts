import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CountingJob } from "../../bench/fixtures/counting-job.ts";
import { runBareWorker } from "../../bench/load/bare-worker.ts";
import { guardedAccess, OPEN_ACCESS } from "../../bench/load/load-access.ts";
import { startCli } from "../support/processes.ts";

/** The simulated workers that measure a coordinator's load are accepted, and do the work. */

test.each([
  ["with the user's secret", () => OPEN_ACCESS],
  ["with TLS and a token", guardedAccess],
] as const)("simulated workers finish a job %s, and none loses its session", async (_, accessFor) => {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-load-"));
  try {
    await using job = await CountingJob.make({ shards: 30, folder });
    const access = await accessFor(folder);
    await using cli = startCli(["coordinator", job.path, "--listen", "127.0.0.1:0", ...access.options]);
    const [, coordinator = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
    const troubles: unknown[] = [];
    const work = (name: string) =>
      runBareWorker({
        target: { coordinator, ...access.worker() },
        name,
        shardMs: () => 0,
        onTrouble: (error) => troubles.push(error),
      });
    await Promise.all(["a", "b", "c"].map(work));
    expect(await cli.ended).toMatchObject({ code: 0 });
    expect(troubles).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
