import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { runCli } from "../support/processes.ts";

test("a missing marker is written when the published job is run again", async () => {
  const output = { path: "./out", marker: "_SUCCESS" };
  await using job = await JobFolder.make({ rowsPerFile: 10, spec: { output } });
  const run = () => runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(await run()).toMatchObject({ code: 0 });
  const names = await readdir(job.out);
  expect(names).toContain("_SUCCESS");
  await rm(join(job.out, "_SUCCESS"));
  const again = await run();
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("is published already") });
  expect(await readdir(job.out)).toEqual(names);
});
