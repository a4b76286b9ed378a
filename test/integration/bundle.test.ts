import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildVersion, packageRoot } from "../../shared/core/package-root.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli, startCli } from "../support/processes.ts";

/** The command as it is installed: bundled (scripts/bundle.mjs). Other tests run the modules that the bundle is made of. */

const BUNDLE = join(packageRoot, "dist", "bundle");
const main = join(BUNDLE, "cli", "main.js");

test("it is what the package installs, and has every script that the sources start", async () => {
  const { bin } = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8"));
  expect(join(packageRoot, bin.shardmill)).toBe(main);
  const scripts: string[] = [];
  for (const folder of ["cli", "coordinator", "shared", "worker"]) {
    for (const name of await readdir(join(packageRoot, folder), { recursive: true })) {
      if (!name.endsWith(".ts")) continue;
      const text = await readFile(join(packageRoot, folder, name), "utf8");
      // A path that is put together would be missed.
      expect([...text.matchAll(/compiledUrl\((?!source)/g)].length, name).toBe(
        [...text.matchAll(/compiledUrl\("/g)].length,
      );
      for (const [, script = ""] of text.matchAll(/compiledUrl\("([^"]+)"\)/g)) scripts.push(script);
    }
  }
  expect(scripts.length).toBeGreaterThan(8);
  for (const script of scripts)
    expect(existsSync(join(BUNDLE, script.replace(/\.ts$/, ".js"))), script).toBe(true);
});

test("it plans, estimates and runs a job, from another folder, and shows its reductions", async () => {
  await using job = await KnownJob.make({ rows: 3_000, files: 2, rowGroupRows: 300 });
  const options = { ...job, main };
  expect(await runCli(["plan", job.path, "--sample-seconds", "1"], options)).toMatchObject({ code: 0 });
  const run = await runCli(["run", job.path], options);
  expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining("3,000 rows") });
  await expectRightAnswer(job);
});

test("its coordinator and a worker that sees none of the files run a job submitted to them", async () => {
  await using job = await KnownJob.make({ rows: 600, files: 1, rowGroupRows: 300 });
  const options = { ...job, main };
  await using coordinator = startCli(["coordinator", "--listen", "127.0.0.1:0"], options);
  const [, address = ""] = await coordinator.saw(/coordinator on (\S+),/);
  await using worker = startCli(["worker", "--coordinator", address, "--data", "coordinator"], options);
  expect(await runCli(["submit", job.path, "--coordinator", address, "--watch"], options)).toMatchObject({
    code: 0,
  });
  await expectRightAnswer(job);
  worker.kill("SIGTERM");
  await worker.ended;
  coordinator.kill("SIGTERM");
  await coordinator.ended;
});

test("it knows its version and its schema, and says what is wrong", async () => {
  expect(await runCli(["--version"], { main })).toMatchObject({ code: 0, stdout: `${buildVersion}\n` });
  expect(await runCli(["schema"], { main })).toMatchObject({ code: 0 });
  const wrong = await runCli(["run", "nowhere.yaml"], { main });
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("nowhere.yaml") });
});
