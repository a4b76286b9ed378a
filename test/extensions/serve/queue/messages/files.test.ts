import { describe, expect, it } from "vitest";
import { readFiles } from "../../../../../extensions/serve/queue/messages/files.ts";
import type { ReadNotice } from "../../../../../shared/extension/notice.ts";

/** Reads notices of a store that may wrap them several times. */
const readNotice: ReadNotice = (json) => {
  if (typeof json.wrapped === "string") return { kind: "wrapped", text: json.wrapped };
  if (json.bad !== undefined)
    return { kind: "invalid", where: "bad", what: "is bad", expected: "good", found: json.bad };
  if (json.removed !== undefined) return { kind: "nothing" };
  return json.made === undefined
    ? null
    : { kind: "files", files: [{ path: `box://${json.made}`, version: "1" }] };
};
const read = (json: unknown) => readFiles(JSON.stringify(json), [() => null, readNotice]);

/** Wraps a message a number of times. */
function wrapped(json: unknown, times: number): unknown {
  return times === 0 ? json : { wrapped: JSON.stringify(wrapped(json, times - 1)) };
}

describe("messages that name files", () => {
  it("a message names one path or several", () => {
    expect(read({ path: "in/a.parquet" })).toMatchObject({
      files: [{ path: "in/a.parquet", version: null }],
    });
    expect(read({ paths: ["/a", "s3://b/c"] })).toMatchObject({
      files: [{ path: "/a" }, { path: "s3://b/c" }],
    });
  });

  it("notices of stores are read, also when services on the way wrapped them", () => {
    const made = { kind: "files", files: [{ path: "box://a", version: "1" }] };
    for (const times of [0, 1, 3]) expect(read(wrapped({ made: "a" }, times))).toEqual(made);
    expect(read(wrapped({ path: "a" }, 2))).toMatchObject({ files: [{ path: "a" }] });
    expect(read({ removed: "a" })).toEqual({ kind: "nothing" });
  });

  it("a message without a valid file is refused with the place of the fault", () => {
    const bad: readonly (readonly [unknown, string])[] = [
      [{}, "the message"],
      [[], "the message"],
      [7, "the message"],
      [wrapped({ path: "a" }, 4), "the message"],
      [{ path: "" }, "path"],
      [{ path: 1 }, "path"],
      [{ paths: [] }, "paths"],
      [{ paths: ["a", null] }, "path"],
      [{ bad: 7 }, "bad"],
    ];
    for (const [json, where] of bad)
      expect(read(json)).toMatchObject({ kind: "invalid", problem: { where } });
  });
});
