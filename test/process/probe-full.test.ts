import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Temporary folder of the commands, which they must leave empty. */
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const full = ["probe", "--full", "--device", "cpu", "--short"];

describe("probe --full", () => {
  /** Starts the checks, and waits until the first one has ended and the next one runs a job. */
  async function startedChecks(output: string) {
    const temporary = join(folder, "temporary");
    await mkdir(temporary);
    const args = [...full, "--output", output, "--json"];
    const cli = startCli(args, { env: { TMPDIR: temporary } });
    await cli.saw(/cpu: golden: ok\n/);
    for (let found = ""; !found.includes("job.yaml"); )
      found = (await readdir(temporary, { recursive: true })).join("\n");
    return { cli, temporary };
  }

  /** Results of checks that ended after the first one. */
  const oneChecked = {
    interrupted: true,
    checks: {
      golden: { verdict: "ok" },
      digits: { verdict: "not measured", detail: "the checks were stopped before it ended", figures: {} },
      mig: { verdict: "not available" },
    },
  };

  for (const signal of ["SIGINT", "SIGTERM"] as const)
    needs("node-check")(
      `writes the finished checks after ${signal}, and leaves no process and no file behind`,
      async () => {
        const output = join(folder, "node.json");
        const { cli, temporary } = await startedChecks(output);
        await using _cli = cli;
        cli.kill(signal);
        const { code, stdout } = await cli.ended;
        expect(code).toBe(130);
        expect(JSON.parse(stdout).full).toMatchObject([oneChecked]);
        expect(await readFile(output, "utf8")).toBe(stdout);
        expect(await readdir(temporary)).toEqual([]);
      },
    );

  needs("node-check")("keeps the finished checks in the output when it is killed", async () => {
    const output = join(folder, "node.json");
    const { cli } = await startedChecks(output);
    await using _cli = cli;
    cli.kill("SIGKILL");
    expect(await cli.ended).toMatchObject({ signal: "SIGKILL", stdout: "" });
    expect(JSON.parse(await readFile(output, "utf8")).full).toMatchObject([oneChecked]);
  });

  needs("node-check")("obeys its time limit, and each check has a share of it", async () => {
    const output = join(folder, "node.json");
    const temporary = join(folder, "temporary");
    await mkdir(temporary);
    const args = ["--minutes", "0.1", "--output", output, "--json"];
    const { code, stdout } = await runCli([...full, ...args], { env: { TMPDIR: temporary } });
    expect(code).toBe(1);
    expect(await readFile(output, "utf8")).toBe(stdout);
    const [report] = JSON.parse(stdout).full;
    const { golden, restart, busy } = report.checks;
    expect(report.interrupted).toBe(false);
    expect(golden.verdict).toBe("ok");
    // Its worker alone runs longer than that.
    expect(restart).toMatchObject({ verdict: "not measured", figures: {}, hint: "give more --minutes" });
    expect(busy.verdict).toBe("not available");
    expect(await readdir(temporary)).toEqual([]);
  });

  needs("node-check")("refuses an existing output before it checks anything", async () => {
    const output = join(folder, "node.json");
    const plain = await runCli(["probe", "-o", output]);
    expect(plain.code).toBe(0);
    const again = await runCli([...full, "-o", output]);
    expect(again).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("already exists") });
    const lost = await runCli([...full, "-o", join(folder, "missing", "node.json")]);
    expect(lost).toMatchObject({ stdout: "", stderr: expect.stringContaining("cannot be written") });
  });
});
