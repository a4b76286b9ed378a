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

describe("an accepted file of a secret", () => {
  test.each([0o600, 0o400, 0o700])("a file that only its owner can open is accepted (mode %o)", (mode) => {
    expect([refusalOf(mode, USER), refusalOf(mode, 0, 0)]).toEqual([null, null]);
  });

  test("a file of root that only a group can read is accepted, as Kubernetes mounts a Secret", () => {
    for (const mode of [0o440, 0o640, 0o600]) expect(refusalOf(mode, 0)).toBeNull();
    for (const mode of [0o444, 0o644, 0o460, 0o660, 0o450, 0o441])
      expect([mode, refusalOf(mode, 0)]).toEqual([mode, expect.stringContaining("by others")]);
  });

  test("on Windows, the mode and the owner of a file are not checked", () => {
    expect(refusalOf(0o666, 0, null)).toBeNull();
  });
});

describe("a refused file of a secret", () => {
  test.each([0o640, 0o440, 0o604, 0o666, 0o620, 0o610])(
    "a user's own file that others can use is refused (mode %o)",
    (mode) => {
      for (const user of [USER, 0])
        expect(refusalOf(mode, user, user)).toMatch(/by others \(its mode is \d+\)/);
    },
  );

  test("a file of another user is refused, whatever its mode", () => {
    expect(refusalOf(0o600, 1_001)).toContain("another user (1001)");
    expect(refusalOf(0o440, 1_001)).toContain("by others");
  });
});
