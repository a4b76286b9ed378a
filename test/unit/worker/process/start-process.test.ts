import { expect, test } from "vitest";
import { Turns } from "../../../../worker/process/start-process.ts";

/** Returns processes with their supervisor, and the list of granted turns. */
function aFamily() {
  const turns = new Turns<string>();
  const granted: string[] = [];
  const want = (who: string, name: string) => turns.want(who, name, () => granted.push(`${who}: ${name}`));
  return { turns, granted, want };
}

test("one process at a time has a turn, in the order of requests, and other turns do not wait", () => {
  const { turns, granted, want } = aFamily();
  want("a", "model");
  want("b", "model");
  want("c", "model");
  want("c", "steps");
  expect(granted).toEqual(["a: model", "c: steps"]);
  turns.end("a", "model");
  turns.end("b", "model");
  expect(granted.slice(2)).toEqual(["b: model", "c: model"]);
});

test("an exited process passes its turn to the next, and loses its place in the queue", () => {
  const { turns, granted, want } = aFamily();
  for (const who of ["a", "b", "c"]) want(who, "model");
  turns.exited("b");
  turns.exited("a");
  expect(granted).toEqual(["a: model", "c: model"]);
  turns.end("c", "model");
  want("d", "model");
  expect(granted.at(-1)).toBe("d: model");
});
