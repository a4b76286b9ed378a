import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { firingAt } from "../../../../extensions/serve/spec/firing.ts";
import { parseTriggered } from "../../../../extensions/serve/spec/parse-triggered.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { readRun } from "../../../../shared/job-file/read-run.ts";
import { aJobText } from "../../../unit/shared/job-file/job-text.ts";

const variable = (name: string) => `$\{${name}}`;
const NOW = Date.parse("2026-11-28T12:00:00Z");

describe("a run of a job file", () => {
  let folder = "";
  let path = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "shardmill-run-"));
    path = join(folder, "job.yaml");
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const write = (trigger: string, text = aJobText()) => writeFile(path, `${text}\n${trigger}`);
  const read = (at?: string, set: string[] = []) => readRun(path, { set, env: {}, at }, NOW);

  async function problemsOf(reading: Promise<unknown>): Promise<string> {
    const error = await reading.then(
      () => null,
      (found: unknown) => found,
    );
    if (!isShardmillError(error)) throw new Error("the job file was accepted");
    const problems = error.problems.map(({ where, what }) => `${where.split(" ").at(-1)} ${what}`);
    return [error.code, ...problems, ...(error.hint === undefined ? [] : [error.hint])].join("\n");
  }

  it("a schedule gives the latest due run in its own folder, without the trigger", async () => {
    await write("trigger: { cron: '30 2 * * *', timezone: Europe/Berlin }");
    const { spec, runId, jobOutput } = await read();
    expect(runId).toBe("20261128T013000Z");
    expect(spec.output.path).toBe(join(jobOutput, "run=20261128T013000Z"));
    expect(spec).not.toHaveProperty("trigger");
  });

  it("another run is selected by its id or its time", async () => {
    await write("trigger: { cron: '30 2 * * *', timezone: Europe/Berlin }");
    const ids = await Promise.all(
      ["20260329T010000Z", "2026-10-25T02:30+02:00"].map(async (at) => (await read(at)).runId),
    );
    expect(ids).toEqual(["20260329T010000Z", "20261025T003000Z"]);
    expect(await problemsOf(read("2026-10-25T02:30+01:00"))).toContain("--at 20261025T003000Z");
    expect(await problemsOf(read("yesterday"))).toContain("ARGUMENT_INVALID");
  });

  it("a run has its variables in the time zone of the trigger", async () => {
    const names = ["RUN_DATE", "RUN_HOUR", "RUN_YESTERDAY", "RUN_ID"].map(variable);
    const dated = `name: ${names.join("_")}`;
    await write(`${dated}\ntrigger: { cron: '30 0 * * *', timezone: Asia/Kolkata }`);
    expect((await read()).spec.name).toBe("2026-11-28_00_2026-11-27_20261127T190000Z");
    const options = { path, set: [], env: { RUN_DATE: "mine" } };
    const { runAt } = parseTriggered(await readFile(path, "utf8"), options, NOW);
    const other = runAt(firingAt(Date.parse("2026-02-28T19:00:00Z")));
    expect(other.spec.name).toBe("2026-03-01_00_2026-02-28_20260228T190000Z");
  });

  it("a trigger of new files gives a run over new files", async () => {
    await write("trigger: { files: new, quiet: 1m }");
    const { spec, runId, jobOutput } = await read();
    expect([spec.input.new, spec.output.path, runId]).toEqual([true, jobOutput, null]);
    expect(spec).not.toHaveProperty("trigger");
  });

  it("a schedule over new files writes to the folder of the job", async () => {
    await write("trigger: { every: 1h }");
    const { spec, jobOutput } = await read(undefined, ["input.new=true"]);
    expect(spec.output.path).toBe(jobOutput);
  });

  it("a job without a trigger is its own run and has no variables", async () => {
    await write("");
    const { spec, runId, jobOutput } = await read();
    expect([spec.output.path, runId]).toEqual([jobOutput, null]);
    expect(await problemsOf(read("20261128T013000Z"))).toContain("ARGUMENT_INVALID");
    await write(`name: ${variable("RUN_DATE")}`);
    expect(await problemsOf(read())).toContain("environment variable `RUN_DATE` is not set");
  });

  it("all faults of a trigger are reported at once, without faults of its variables", async () => {
    await write(
      `name: ${variable("RUN_DATE")}\ntrigger: { cron: '61 2 * * *', timezone: Mars/Olympus, catchUp: some }`,
    );
    const told = await problemsOf(read());
    expect(told).toMatch(/trigger\.cron .*minute/);
    expect(told).toContain("trigger.timezone is not a time zone");
    expect(told).toContain("trigger.catchUp");
    expect(told).not.toContain("RUN_DATE");
  });

  it.each([
    ["{}", "has no kind of trigger"],
    ["{ cron: '@daily', files: new }", "has several kinds of triggers"],
    ["{ cron: '@daily', every: 1h }", "has several kinds of triggers"],
    ["{ every: 90 }", "every"],
    ["{ every: 0s }", "is not a duration"],
    ["{ every: 1h, quiet: 1m }", "exclude each other"],
    ["{ files: new, overlap: skip }", "exclude each other"],
  ])("the trigger %s is refused", async (trigger, what) => {
    await write(`trigger: ${trigger}`);
    expect(await problemsOf(read())).toContain(what);
  });

  it("a limit on new files is refused", async () => {
    await write("trigger: { files: new }");
    expect(await problemsOf(read(undefined, ["input.limit=5"]))).toContain("would skip rows for good");
  });
});
