import { expect, it } from "vitest";
import { AnswerLog } from "../../../extensions/ask/answer-log.ts";
import { answerColumns } from "../../../extensions/ask/answer-type.ts";
import { Asker } from "../../../extensions/ask/asker.ts";
import { answerReader } from "../../../extensions/ask/read-answer.ts";
import type { Reply } from "../../../extensions/ask/send.ts";
import { ServerGate } from "../../../extensions/ask/server-gate.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const { signal } = new AbortController();
const schema = { type: "object", properties: { mood: { enum: ["good", "bad"] } } };

function completion(content: string): Reply {
  const body = JSON.stringify({ choices: [{ message: { content }, finish_reason: "stop" }] });
  return { kind: "reply", status: 200, afterMs: null, body };
}
const GOOD = completion('{"mood": "good"}');
const status = (code: number, message: string, afterMs: number | null = null): Reply => {
  return { kind: "reply", status: code, afterMs, body: JSON.stringify({ error: { message } }) };
};
const BROKEN: Reply = { kind: "broken", why: "closes the connection" };

/** Makes an asker of a server that sends these replies, and then good ones. */
function anAsker(replies: readonly Reply[], patienceMs = 600_000) {
  const clock = new VirtualClock();
  const left = [...replies];
  const sent: number[] = [];
  const waits: string[] = [];
  const limits = { concurrency: 4, requestsPerMinute: null, tokensPerMinute: null };
  const gate = new ServerGate(() => limits, clock);
  const asker = new Asker({
    where: "map.prepare[0].ask",
    patienceMs,
    gate,
    send: async () => {
      sent.push(clock.nowMs());
      return left.shift() ?? GOOD;
    },
    read: answerReader({ answer: schema }, answerColumns({ answer: schema, column: "answer" })),
    conceal: (text) => text.replaceAll("sk-secret", "${KEY}"),
    onWait: (why) => waits.push(why),
    clock,
    random: { unit: () => 0.999999 } as never,
  });
  const log = AnswerLog.none();
  return {
    clock,
    gate,
    log,
    sent,
    waits,
    ask: (body = "question") => clock.until(asker.answer(body, log, signal)),
    asker,
  };
}

it("an answer that is not JSON is requested once more, and then a dead letter with the server's words", async () => {
  const once = anAsker([completion("Sure!")]);
  expect(await once.ask()).toEqual({ kind: "values", values: ["good"] });
  expect(once.sent).toHaveLength(2);
  const twice = anAsker([completion("Sure!"), completion("Sure! Here it is.")]);
  const answer = await twice.ask();
  expect(answer).toMatchObject({ kind: "bad" });
  expect(JSON.stringify(answer)).toMatch(
    /the answer is not JSON: .*Sure! Here it is\..*\(describe the JSON in `prompt`/,
  );
  expect(twice.sent).toHaveLength(2);
});

it("the tokens of an answer are its last value, and null where the server counts none", () => {
  const read = (body: object, of: object | null) => {
    const op = { answer: of === null ? null : schema, column: "answer", tokens: "used" };
    return answerReader(op, answerColumns(op))(JSON.stringify(body));
  };
  const choices = [{ message: { content: '{"mood": "good"}' } }];
  expect(read({ choices, usage: { total_tokens: 12 } }, schema)).toEqual({
    kind: "values",
    values: ["good", 12n],
  });
  expect(read({ choices, usage: null }, schema)).toEqual({ kind: "values", values: ["good", null] });
  expect(read({ choices, usage: { total_tokens: 3 } }, null)).toMatchObject({
    values: ['{"mood": "good"}', 3n],
  });
});

it("an answer against the schema names the property", async () => {
  const wrong = completion('{"mood": "great"}');
  expect(await anAsker([wrong, wrong]).ask()).toMatchObject({
    kind: "bad",
    why: expect.stringMatching(/mood/),
  });
});

it.each([400, 413, 422])("a %i is a dead letter at once, with the server's words", async (code) => {
  const on = anAsker([status(code, "the prompt is too long")]);
  const why = `the server answered ${code}: "the prompt is too long"`;
  expect(await on.ask()).toEqual({ kind: "bad", why });
  expect(on.sent).toHaveLength(1);
});

it.each([429, 500, 503, 408])("a %i is repeated after a pause, and gives an answer", async (code) => {
  const on = anAsker([status(code, "later", 5_000)]);
  expect(await on.ask()).toMatchObject({ kind: "values" });
  expect(on.sent).toEqual([0, 5_000]);
});

it("broken connections are repeated, with pauses that double to a minute", async () => {
  const on = anAsker(Array.from({ length: 9 }, () => BROKEN));
  expect(await on.ask()).toMatchObject({ kind: "values" });
  const pauses = on.sent.slice(1).map((at, index) => Math.round((at - (on.sent[index] ?? 0)) / 1_000));
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

it("an attempt fails when the server is unavailable for longer than the patience", async () => {
  const on = anAsker(
    Array.from({ length: 100 }, () => BROKEN),
    30_000,
  );
  await expect(on.ask()).rejects.toMatchObject({ code: "SERVER_UNAVAILABLE" });
  expect(on.clock.nowMs()).toBeGreaterThanOrEqual(30_000);
  expect(on.clock.nowMs()).toBeLessThan(32_000);
});

it.each([401, 403, 404, 302])("a %i ends the job, without the secret in its message", async (code) => {
  const on = anAsker([status(code, "no such key: sk-secret")]);
  const failed = await on.ask().catch((error: unknown) => error);
  expect(failed).toMatchObject({
    code: "STEP_INVALID",
    message: expect.stringMatching(/no such key: \$\{KEY\}/),
  });
});

it("a request that alone fails with a 500 is a dead letter, while the server answers others", async () => {
  const on = anAsker([]);
  let failures = 0;
  const limits = { concurrency: 1_000, requestsPerMinute: null, tokensPerMinute: null };
  const gate = new ServerGate(() => limits, on.clock);
  const asker = new Asker({
    ...{
      where: "ask",
      patienceMs: 86_400_000,
      gate,
      conceal: (text) => text,
      onWait: () => {},
      clock: on.clock,
    },
    random: { unit: () => 0 } as never,
    read: () => ({ kind: "values", values: [] }),
    send: async (body) => {
      if (body !== "poison") return GOOD;
      failures += 1;
      // Another request is answered meanwhile.
      (await gate.enter(false, signal)).answered(0);
      return status(500, "out of range");
    },
  });
  const answer = await on.clock.until(asker.answer("poison", on.log, signal));
  expect(answer).toEqual({ kind: "bad", why: 'the server answered 500: "out of range"' });
  expect(failures).toBe(6);
});

it("equal requests of a shard share one answer, at the same time and later", async () => {
  const on = anAsker([]);
  const both = [on.asker.answer("same", on.log, signal), on.asker.answer("same", on.log, signal)];
  await on.clock.until(Promise.all(both));
  await on.ask("same");
  expect(on.sent).toHaveLength(1);
});

it("a bad answer in the log counts as a try", async () => {
  const on = anAsker([completion("no"), completion("no")]);
  await on.ask();
  await on.ask();
  expect(on.sent).toHaveLength(2);
});

it("a request that has failed twice in a row reports why it waits, without secrets", async () => {
  const once = anAsker([BROKEN]);
  await once.ask();
  expect(once.waits).toEqual([]);
  const thrice = anAsker([BROKEN, BROKEN, status(503, "sk-secret is loading")]);
  await thrice.ask();
  expect(thrice.waits[0]).toBe("the server closes the connection");
  expect(thrice.waits[1]).toContain("the server answered 503: ");
  expect(thrice.waits[1]).toContain("${KEY} is loading");
});
