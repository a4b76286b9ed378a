import { describe, expect, test } from "vitest";
import { type OwnFile, refuseOpen } from "../../../../shared/access/wrong-file.ts";

const USER = 1_000;
const FILE: OwnFile = { path: "/f", noun: "token", option: "--token-file", code: "TOKEN_INVALID" };

/** Returns the reason why a file of this mode and owner is refused, or null. */
function refusalOf(mode: number, uid: number, user: number | null = USER): string | null {
  try {
    refuseOpen(FILE, { mode: 0o100_000 | mode, uid }, user);
    return null;
  } catch (error) {
    expect(error).toMatchObject({ code: "TOKEN_INVALID", fields: { path: "/f" } });
    return (error as Error).message;
  }
}

describe("a file of a secret is taken", () => {
  test.each([0o600, 0o400, 0o700])("that its owner alone can open, with mode %o", (mode) => {
    expect([refusalOf(mode, USER), refusalOf(mode, 0, 0)]).toEqual([null, null]);
  });

  test("that root gave to a group, as Kubernetes mounts a Secret, and to nobody else", () => {
    for (const mode of [0o440, 0o640, 0o600]) expect(refusalOf(mode, 0)).toBeNull();
    for (const mode of [0o444, 0o644, 0o460, 0o660, 0o450, 0o441])
      expect([mode, refusalOf(mode, 0)]).toEqual([mode, expect.stringContaining("by others")]);
  });

  test("on Windows as it is", () => {
    expect(refusalOf(0o666, 0, null)).toBeNull();
  });
});

describe("a file of a secret is refused", () => {
  test.each([0o640, 0o440, 0o604, 0o666, 0o620, 0o610])("that is one's own, with mode %o", (mode) => {
    for (const user of [USER, 0])
      expect(refusalOf(mode, user, user)).toMatch(/by others \(its mode is \d+\)/);
  });

  test("that is another user's, whatever its mode is", () => {
    expect(refusalOf(0o600, 1_001)).toContain("another user (1001)");
    expect(refusalOf(0o440, 1_001)).toContain("by others");
  });
});
