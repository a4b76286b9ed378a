import { describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { submitMethods } from "../../shared/wire/methods-submit.ts";
import { Peer } from "../../shared/wire/peer.ts";
import type { WrittenJob } from "../../shared/wire/services.ts";
import { callUnary } from "../../shared/wire/unary.ts";
import { TEST_CREDENTIAL } from "../support/access.ts";
import { fakeServices } from "../support/fake-services.ts";
import * as any from "../support/wire-arbitraries.ts";
import { failureOf, sample, wireRig } from "../support/wire-rig.ts";

/** Job files that a client sends as text, for the coordinator to read. */

const TEXT = `
input: { path: data/*.parquet }
model: { path: "\${MODEL}" }
map:
  inputs: { x: { column: x } }
  outputs: { y: { tensor: y } }
output: { path: ./out }
`;

const written = (job: Partial<Omit<WrittenJob, "text">> & { readonly text?: string } = {}): WrittenJob => ({
  path: "/jobs/nightly.yaml",
  set: [],
  variables: { MODEL: "m.onnx" },
  at: "",
  ...job,
  text: Buffer.from(job.text ?? TEXT),
});

async function submit(services: ReturnType<typeof fakeServices>, job: WrittenJob): Promise<unknown> {
  await using rig = await wireRig(services);
  const peer = new Peer(rig.server.address, TEST_CREDENTIAL, {});
  try {
    return await callUnary(
      peer,
      submitMethods.submitJob,
      { job, fresh: false },
      { deadlineMs: 60_000, signal: NEVER },
    );
  } finally {
    peer.close();
  }
}

test("a job's text is read like a file at its path, with the client's variables and settings", async () => {
  const services = fakeServices();
  services.jobs.submitJob.mockResolvedValue(sample(any.submittedJob));
  await submit(services, written({ set: ["map.batch.rows=7", "name=mine"] }));
  expect(services.jobs.submitJob).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({
      name: "mine",
      input: expect.objectContaining({ path: ["/jobs/data/*.parquet"] }),
      model: expect.objectContaining({ path: "/jobs/m.onnx" }),
      map: expect.objectContaining({ batch: expect.objectContaining({ rows: 7 }) }),
      output: expect.objectContaining({ path: "/jobs/out" }),
    }),
    expect.objectContaining({ fresh: false }),
    expect.anything(),
  );
});

test("all problems are reported at once with their lines, and the coordinator's environment is not read", async () => {
  const services = fakeServices();
  process.env.SHARDMILL_TEST_OF_THE_COORDINATOR = "secret.onnx";
  try {
    const text = TEXT.replace("MODEL", "SHARDMILL_TEST_OF_THE_COORDINATOR").replace(
      "./out }",
      "./out, x: 1 }",
    );
    const error = await failureOf(submit(services, written({ text })));
    expect(error).toMatchObject({
      code: "SPEC_INVALID",
      problems: [
        {
          where: expect.stringContaining("/jobs/nightly.yaml:3:"),
          what: expect.stringContaining("SHARDMILL_TEST_OF_THE_COORDINATOR"),
        },
        { where: expect.stringContaining("/jobs/nightly.yaml:7:") },
      ],
    });
    expect(JSON.stringify(error)).not.toContain("secret.onnx");
  } finally {
    delete process.env.SHARDMILL_TEST_OF_THE_COORDINATOR;
  }
  expect(services.jobs.submitJob).not.toHaveBeenCalled();
});

test("a problem that planning finds also has its line", async () => {
  const services = fakeServices();
  services.jobs.submitJob.mockRejectedValue(
    new ShardmillError("SPEC_INVALID", "no", {
      problems: [{ where: "map.inputs.x.column", what: "is not there" }],
    }),
  );
  expect(await failureOf(submit(services, written()))).toMatchObject({
    problems: [{ where: expect.stringMatching(/^\/jobs\/nightly\.yaml:5:\d+/), what: "is not there" }],
  });
});

test.each([
  ["a path that is not absolute", written({ path: "job.yaml" }), { code: "ARGUMENT_INVALID" }],
  [
    "bytes that are not text",
    { ...written(), text: Buffer.from([0xff, 0xfe]) },
    { code: "SPEC_INVALID", problems: [{ what: "the file is not UTF-8 text" }] },
  ],
  ["a text that is too large", written({ text: "#".repeat(1_100_000) }), { code: "SPEC_INVALID" }],
  ["a text that is not YAML", written({ text: "a: [" }), { code: "SPEC_INVALID" }],
])("%s is refused", async (_, job, refusal) => {
  const services = fakeServices();
  expect(await failureOf(submit(services, job))).toMatchObject(refusal);
  expect(services.jobs.submitJob).not.toHaveBeenCalled();
});

describe("a job with a schedule", () => {
  const text = TEXT.replace("./out", `"./out/\${RUN_DATE}"`);
  const SCHEDULED = `${text}trigger: { cron: "30 2 * * *", timezone: Europe/Berlin }\n`;

  test("is submitted as its last run, and the notes name the run", async () => {
    const services = fakeServices();
    const submitted = sample(any.submittedJob);
    services.jobs.submitJob.mockResolvedValue(submitted);
    const answer = await submit(services, written({ text: SCHEDULED }));
    const [spec] = services.jobs.submitJob.mock.lastCall ?? [];
    expect(spec).not.toHaveProperty("trigger");
    const [, day, id] =
      /^\/jobs\/out\/(\d{4}-\d\d-\d\d)\/run=(\d{8}T0[01]3000Z)$/.exec(spec?.output.path ?? "") ?? [];
    expect(day?.replaceAll("-", "")).toBe(id?.slice(0, 8));
    const age = Date.now() - Date.parse(`${day}T0${id?.[10]}:30:00Z`);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(25 * 3_600_000);
    expect(answer).toMatchObject({
      notes: [`run ${id} of a schedule, into ${spec?.output.path}`, ...submitted.notes],
    });
  });

  test("is submitted as the requested run, and a time outside its schedule is refused", async () => {
    const services = fakeServices();
    services.jobs.submitJob.mockResolvedValue(sample(any.submittedJob));
    await submit(services, written({ text: SCHEDULED, at: "2026-03-29T03:00+02:00" }));
    const [spec] = services.jobs.submitJob.mock.lastCall ?? [];
    expect(spec?.output.path).toBe("/jobs/out/2026-03-29/run=20260329T010000Z");
    expect(await failureOf(submit(services, written({ text: SCHEDULED, at: "2026-03-30" })))).toMatchObject({
      code: "ARGUMENT_INVALID",
      hint: expect.stringContaining("use the previous run, --at 2026"),
    });
    expect(await failureOf(submit(services, written({ at: "20260329T010000Z" })))).toMatchObject({
      code: "ARGUMENT_INVALID",
      message: "--at is for a job with a schedule",
    });
    expect(services.jobs.submitJob).toHaveBeenCalledOnce();
  });
});
