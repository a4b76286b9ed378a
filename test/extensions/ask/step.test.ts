import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Int64, makeData, Table, Utf8, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll, expect, it } from "vitest";
import { planAsk } from "../../../extensions/ask/plan-ask.ts";
import type { AskSpec } from "../../../extensions/ask/spec.ts";
import { present } from "../../../shared/core/assert.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import { applyStep } from "../../../shared/steps/apply-step.ts";
import { openStep } from "../../../shared/steps/open-step.ts";
import { stepContract } from "../../contract/step-contract.ts";
import { plainRows, tableOf } from "../../support/sample-table.ts";

const { signal } = new AbortController();
const bodies: unknown[] = [];
let server: Server;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString());
      bodies.push(body);
      const { content: prompt } = body.messages.at(-1);
      const content = prompt.includes("bad")
        ? "?"
        : JSON.stringify({ words: prompt.split(" "), length: prompt.length });
      response.end(JSON.stringify({ choices: [{ message: { content } }] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => server.close());

const answer = {
  type: "object",
  properties: { words: { type: "array", items: { type: "string" } }, length: { type: "integer" } },
};
const texts = ["one", "two words", null, "bad", "two words", "ä ö"];
const table = tableOf({
  id: makeData({ type: new Int64(), data: BigInt64Array.from(texts, (_, row) => BigInt(row)) }),
  text: present(vectorFromArray(texts, new Utf8()).data[0], "a column"),
});
const rows = present(table.batches[0], "a record batch");

function planOf(changes: Partial<AskSpec> = {}): StepBinding {
  const { port } = server.address() as AddressInfo;
  const spec: AskSpec = {
    ...{ url: `http://127.0.0.1:${port}/v1/chat/completions`, model: "m", prompt: "{text}", answer },
    ...{ headers: {}, column: "answer", request: { seed: 1 }, concurrency: 4, perMinute: {} },
    ...{ patience: "5s", timeout: "5s", ...changes },
  };
  const planned = planAsk(spec, { where: "ask", fields: fieldsOf(table.schema) });
  if ("problems" in planned) throw new Error(JSON.stringify(planned.problems));
  const { data, ...plan } = planned;
  return { where: "ask", op: { kind: "extension", step: "ask", data }, ...plan };
}

stepContract("ask", async () => {
  const plan = planOf();
  return { plan, open: (options) => openStep(plan, options), rows };
});

it("rows have the values of their answers, and failed rows their reasons", async () => {
  const plan = planOf();
  await using step = await openStep(plan, { scratchPath: "", stores: NO_STORES });
  const stepped = await applyStep(step, plan, rows, signal);
  const found = plainRows(new Table([stepped.batch])).map((row) => [
    Reflect.get(row as object, "words"),
    Reflect.get(row as object, "length"),
  ]);
  expect([found[0], found[1], found[4], found[5]]).toEqual([
    [["one"], "3n"],
    [["two", "words"], "9n"],
    [["two", "words"], "9n"],
    [["ä", "ö"], "3n"],
  ]);
  expect(stepped.failed).toMatchObject([
    { row: 2, code: "ROW_NULL", message: "ask: column `text` is null" },
    {
      row: 3,
      code: "ROW_FAILED",
      message: expect.stringMatching(
        /^ask at http:\/\/[\w.:]+: the answer is not JSON: .*describe the JSON in `prompt`/,
      ),
    },
  ]);
});

it("a request has the texts, the schema, and the further keys of the job", async () => {
  bodies.length = 0;
  const plan = planOf({ system: "System {id}" });
  await using step = await openStep(plan, { scratchPath: "", stores: NO_STORES });
  await applyStep(step, plan, rows.slice(0, 1), signal);
  expect(bodies).toEqual([
    {
      model: "m",
      seed: 1,
      response_format: {
        type: "json_schema",
        json_schema: {
          name: "answer",
          strict: true,
          schema: { ...answer, required: ["words", "length"], additionalProperties: false },
        },
      },
      messages: [
        { role: "system", content: "System 0" },
        { role: "user", content: "one" },
      ],
    },
  ]);
});

it("an abort ends the waiting rows", async () => {
  const plan = planOf({ url: "http://127.0.0.1:9/v1", patience: "1h" });
  await using step = await openStep(plan, { scratchPath: "", stores: NO_STORES });
  const stop = new AbortController();
  const running = step.run(rows, stop.signal);
  stop.abort(new Error("the lease is lost"));
  await expect(running).rejects.toThrow("the lease is lost");
});
