import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

needs("report")(
  "a report is published with the manifest, restored when it is missing, and made from an output",
  async () => {
    const output = { path: "./out", report: true };
    await using job = await JobFolder.make({ rowsPerFile: 10, spec: { output } });
    const run = () => runCli(["run", job.job, "--workers", "1", "--json"]);
    expect(await run()).toMatchObject({ code: 0 });
    const report = join(job.out, "_report.html");
    const page = await readFile(report, "utf8");
    expect(page).toContain("Workers over time");
    const made = await runCli(["report", job.out]);
    expect(made).toMatchObject({ code: 0, stdout: page });
    await rm(report);
    expect(await run()).toMatchObject({ code: 0, stderr: expect.stringContaining("is published already") });
    expect(await readFile(report, "utf8")).toBe(page);
    expect(await runCli(["run", job.job, "--workers", "1", "--json", "--fresh"])).toMatchObject({ code: 0 });
    expect(await readdir(job.out)).toContain("_report.html");
    expect(await runCli(["report", job.out, "--price-per-hour=-1"])).toMatchObject({ code: 2 });
    const nothing = await runCli(["report", "/no/output"]);
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining("ARGUMENT_INVALID") });
    expect(nothing.stderr).not.toContain("flight");
    const file = job.at("report.html");
    const written = { code: 0, stdout: "", stderr: `${file} is written\n` };
    expect(await runCli(["report", job.out, "-o", file])).toMatchObject(written);
    await writeFile(file, "mine");
    const again = await runCli(["report", job.out, "-o", file]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("--force") });
    expect(await readFile(file, "utf8")).toBe("mine");
    expect(await runCli(["report", job.out, "-o", file, "--force"])).toMatchObject(written);
    expect(await readFile(file, "utf8")).toContain("Workers over time");
  },
);
