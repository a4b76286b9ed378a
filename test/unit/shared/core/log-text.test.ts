import { pino } from "pino";
import { expect, test } from "vitest";
import { logText } from "../../../../shared/core/log-text.ts";

const AT = "2026-11-30T07:22:10.330Z";
const clock = new Date(AT).toTimeString().slice(0, 8);
const line = (facts: object) =>
  JSON.stringify({ level: "warn", time: AT, name: "worker a", pid: 7, ...facts });

test("a line has the time of day, the level, the logger's name, the message and its fields", () => {
  const facts = { shard: 4, token: "1.5", reason: "no work (any more)", rows: [1], msg: "attempt failed" };
  expect(logText(line(facts))).toBe(
    `${clock} warn  worker a: attempt failed shard=4 token=1.5 reason="no work (any more)" rows=[1]\n`,
  );
});

test("an error is shown by its message, and line breaks and control codes in fields are escaped", () => {
  const lines: string[] = [];
  const log = pino({ base: { name: "coordinator" } }, { write: (text) => lines.push(text) });
  log.error({ err: new Error("disk\nfull"), path: "a\u001b[2J" }, "ended");
  const [text = ""] = lines.map(logText);
  expect(text).toContain('ended err="disk\\nfull" path="a\\u001b[2J"\n');
  expect(text.match(/\n/g)).toHaveLength(1);
});

test("a line without fields ends with its message", () => {
  expect(logText(line({ msg: "ready" }))).toBe(`${clock} warn  worker a: ready\n`);
});
