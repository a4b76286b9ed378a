import { readFile, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../fault/free-port.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { aJobId } from "../support/ids.ts";
import { ask, startListening, startWorker, until } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { needs } from "../support/needs.ts";
import { type CliOptions, runCli } from "../support/processes.ts";
import { serveRange, startWebServer } from "../support/web-server.ts";

/** Rights of a role's jobs to files and code on a coordinator, by the submitter's commands. */

async function submitToken(
  folder: string,
): Promise<{ readonly file: string; readonly env: { [name: string]: string } }> {
  const file = join(folder, "tokens");
  const args = ["token", "create", "--tokens-file", file, "--json", "--role", "submit", "--name", "team-a"];
  const { token } = JSON.parse((await runCli(args)).stdout) as { token: string };
  return { file, env: { SHARDMILL_TOKEN: token } };
}

function ended(address: string, jobId: string): Promise<JobStatus> {
  return until(`end of ${jobId}`, async () => {
    const status = await ask(address, ({ jobs }) => jobs.getJob(aJobId(jobId), NEVER));
    return isEnded(status.phase) ? status : null;
  });
}

needs("code")(
  "a submitted job opens only the locations and the code that the submitter's role permits",
  async () => {
    await using mine = await KnownJob.make({ rows: 600 });
    await using theirs = await KnownJob.make({ rows: 100 });
    const { file, env } = await submitToken(mine.folder);
    await using web = await startWebServer({});
    const model = await readFile(mine.at("model.onnx"));
    web.served.set("/models/model.onnx", (request, response) => serveRange(request, response, model));
    const audit = join(mine.folder, "audit");
    const { cli, address } = await startListening(mine, [
      ...["coordinator", "--listen", "127.0.0.1:0", "--tokens-file", file, "--audit-log", audit],
      ...["--allow-locations", `submit=${mine.at()}`, `submit=${web.url}/models`, "--allow-modules", "admin"],
      "--allow-local-addresses",
    ]);
    await using _coordinator = cli;
    const submit = (job: KnownJob, by: CliOptions) =>
      runCli(["submit", job.path, "--coordinator", address], by);
    const asTeam = { env: { ...mine.env, ...env } };
    const refused = (said: RegExp) => ({ code: 2, stderr: expect.stringMatching(said) });

    const elsewhere = await submit(theirs, asTeam);
    expect(elsewhere).toMatchObject(
      refused(/token [0-9a-f]{8} \(team-a\), of role submit.*LOCATION_REFUSED/s),
    );
    for (const key of ["input.path[0]", "model.path", "output.path"]) expect(elsewhere.stderr).toContain(key);
    await expect(stat(theirs.out)).rejects.toMatchObject({ code: "ENOENT" });
    // The named file is in an allowed place, but it leads to one that is not.
    await mine.write("list.txt", theirs.at("data/part-0000.parquet"));
    await mine.writeSpec({ input: { path: "./list.txt" } });
    expect(await submit(mine, asTeam)).toMatchObject(refused(/part-0000\.parquet may not be opened here/));
    await symlink(theirs.at("data"), mine.at("linked"));
    await mine.writeSpec({ input: { path: "./linked" } });
    expect(await submit(mine, asTeam)).toMatchObject(refused(/input\.path\[0\].*leads through a link/s));
    await mine.writeSpec({ input: { path: "./*/*.parquet" } });
    expect(await submit(mine, asTeam)).toMatchObject(refused(/may not be opened here/));
    await mine.writeSpec({ reduce: { own: { module: "./own.ts" } } });
    expect(await submit(mine, asTeam)).toMatchObject(refused(/of role submit.*MODULES_REFUSED/s));
    const refusals = (await readFile(audit, "utf8")).split("\n").filter((line) => line.includes('"refused"'));
    expect(refusals.some((line) => line.includes("LOCATION_REFUSED"))).toBe(true);
    expect(refusals.some((line) => line.includes("MODULES_REFUSED"))).toBe(true);

    // Fetched by the coordinator into its own folder, which the role may not name.
    await mine.writeSpec({ model: { path: `${web.url}/models/model.onnx`, device: "cpu" } });
    const taken = await submit(mine, asTeam);
    expect(taken).toMatchObject({ code: 0 });
    await using worker = startWorker(mine, address);
    expect(await ended(address, taken.stdout.trim())).toMatchObject({ phase: "published" });
    // A caller with the user's secret has all rights.
    const owners = await submit(theirs, theirs);
    expect(owners).toMatchObject({ code: 0 });
    expect(await ended(address, owners.stdout.trim())).toMatchObject({ phase: "published" });
    worker.kill("SIGTERM");
    await worker.ended;
    await expectRightAnswer(mine);
  },
  300_000,
);

test("after a restart each job is authorized by its submitter's current rights", async () => {
  await using team = await KnownJob.make({ rows: 100 });
  await using owner = await KnownJob.make({ rows: 100 });
  const { file, env } = await submitToken(team.folder);
  const address = `127.0.0.1:${await freePort()}`;
  const serve = (...more: readonly string[]) =>
    startListening(team, ["coordinator", "--listen", address, "--tokens-file", file, ...more]);
  const submit = async (job: KnownJob, by: CliOptions) => {
    const submitted = await runCli(["submit", job.path, "--coordinator", address], by);
    expect(submitted).toMatchObject({ code: 0 });
    return submitted.stdout.trim();
  };
  const { cli: before } = await serve("--allow-locations", `submit=${team.at()}`);
  const ids = [await submit(team, { env: { ...team.env, ...env } }), await submit(owner, team)];
  before.killGroup("SIGKILL");
  await before.ended;

  const { cli: after } = await serve("--allow-locations", `submit=${team.at("data")}`);
  await using _after = after;
  const [teams = "", owners = ""] = ids;
  expect(await ended(address, teams)).toMatchObject({
    phase: "failed",
    failure: {
      code: "LOCATION_REFUSED",
      problems: [{ where: "model.path" }, { where: "output.path" }],
    },
  });
  await using worker = startWorker(owner, address);
  expect(await ended(address, owners)).toMatchObject({ phase: "published" });
  worker.kill("SIGTERM");
  await worker.ended;
}, 300_000);
