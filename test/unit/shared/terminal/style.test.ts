import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createStyle, plainStyle } from "../../../../shared/terminal/style.ts";

const RED = "\u001b[31mno\u001b[39m";

function aStream(traits: { isTTY?: boolean; getColorDepth?: () => number }): Writable {
  return Object.assign(new Writable({ write: (_chunk, _encoding, done) => done() }), traits);
}
const terminal = () => aStream({ isTTY: true, getColorDepth: () => 8 });

describe("the style of a stream", () => {
  beforeEach(() => {
    for (const name of [
      "NO_COLOR",
      "FORCE_COLOR",
      "NODE_DISABLE_COLORS",
      "CI",
      "TF_BUILD",
      "TEAMCITY_VERSION",
    ])
      vi.stubEnv(name, undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("a terminal with colours has coloured text", () => {
    expect(createStyle(terminal()).bad("no")).toBe(RED);
  });

  it("a terminal without colours, a file and a pipe have plain text", () => {
    expect(createStyle(aStream({ isTTY: true, getColorDepth: () => 1 })).bad("no")).toBe("no");
    expect(createStyle(aStream({})).bad("no")).toBe("no");
  });

  it("FORCE_COLOR=1 gives a pipe coloured text, and FORCE_COLOR=0 gives a terminal plain text", () => {
    vi.stubEnv("FORCE_COLOR", "1");
    expect(createStyle(aStream({})).bad("no")).toBe(RED);
    vi.stubEnv("FORCE_COLOR", "0");
    expect(createStyle(terminal()).bad("no")).toBe("no");
  });

  it("NO_COLOR has the effect that a real terminal's own rules give it", async () => {
    const { WriteStream } = await import("node:tty");
    vi.stubEnv("NO_COLOR", "1");
    vi.stubEnv("TERM", "xterm-256color");
    const getColorDepth = () => WriteStream.prototype.getColorDepth.call(undefined);
    expect(createStyle(aStream({ isTTY: true, getColorDepth })).bad("no")).toBe("no");
    vi.stubEnv("NO_COLOR", undefined);
    expect(createStyle(aStream({ isTTY: true, getColorDepth })).bad("no")).toBe(RED);
  });

  it("the plain style ignores the environment", () => {
    vi.stubEnv("FORCE_COLOR", "1");
    expect(Object.values(plainStyle).map((paint) => paint("x"))).toEqual(["x", "x", "x", "x", "x", "x"]);
  });
});
