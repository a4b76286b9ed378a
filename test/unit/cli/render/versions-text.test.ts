import { describe, expect, test } from "vitest";
import { skewText, versionsText } from "../../../../cli/render/versions-text.ts";

const OWN = { build: "0.2.0", protocol: { oldest: 4, newest: 5 }, mapping: "2 sharp@0.35.5" };
const OTHER = { build: "0.1.0", protocol: { oldest: 4, newest: 4 }, mapping: "1 sharp@0.35.5" };

describe("the versions of a command and a coordinator", () => {
  test("are shown for the command alone, and with those of a coordinator", () => {
    expect(versionsText(OWN, null, 0)).toBe(
      "shardmill\n  version   0.2.0\n  protocol  4 to 5\n  mapping   2 sharp@0.35.5",
    );
    const facts = {
      takesJobs: true,
      remembersJobs: true,
      serves: ["HTTP"],
    };
    const text = versionsText(OWN, { ...OTHER, ...facts, startedMs: 0 }, 90_000);
    expect(text.split("\n").slice(4)).toEqual([
      "coordinator",
      "  version   0.1.0",
      "  protocol  4",
      "  mapping   1 sharp@0.35.5",
      expect.stringMatching(/^ {2}started {3}1970-01-01T00:00:00\.000Z, .* ago$/),
      "  serves    takes jobs, remembers jobs, HTTP",
    ]);
  });

  test("give no warning when the protocols overlap, whatever the builds are", () => {
    expect(skewText(OWN, OTHER)).toBeNull();
  });

  test("give a warning when the protocols do not overlap", () => {
    const newer = { ...OTHER, build: "0.9.0", protocol: { oldest: 6, newest: 7 } };
    expect(skewText(OWN, newer)).toContain("shardmill 0.9.0 with protocol 6 to 7, this command is 0.2.0");
  });
});
