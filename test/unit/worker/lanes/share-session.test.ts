import { expect, test } from "vitest";
import { shouldShareSession } from "../../../../worker/lanes/share-session.ts";

const MIB = 1 << 20;
const LARGE = { device: "cpu", lanes: 2, threads: 1, modelBytes: 64 * MIB } as const;

/** Returns the decision, the number of checks, and the logged reasons. */
async function decide(facts: Parameters<typeof shouldShareSession>[0], choice?: string, found?: string) {
  const reasons: unknown[] = [];
  let checks = 0;
  const shares = await shouldShareSession(facts, {
    log: { warn: (fields: object) => reasons.push(Reflect.get(fields, "reason")) },
    choice,
    check: async () => {
      checks += 1;
      return found ?? null;
    },
  });
  return { shares, checks, reasons };
}

test("lanes share a session where it saves 64 MiB or more", async () => {
  const shared = { shares: true, checks: 1, reasons: [] };
  const separate = { shares: false, checks: 0, reasons: [] };
  expect(await decide(LARGE)).toEqual(shared);
  expect(await decide({ ...LARGE, modelBytes: 64 * MIB - 1 })).toEqual(separate);
  expect(await decide({ ...LARGE, modelBytes: 5 * MIB, lanes: 14 })).toEqual(shared);
});

test("one lane, lanes with several threads, and GPUs have sessions of their own", async () => {
  for (const facts of [{ lanes: 1 }, { threads: 2 }, { device: "cuda" }] as const) {
    for (const choice of [undefined, "shared"]) {
      expect(await decide({ ...LARGE, ...facts }, choice)).toMatchObject({ shares: false, checks: 0 });
    }
  }
});

test("the user may choose for models of any size", async () => {
  expect(await decide(LARGE, "separate")).toMatchObject({ shares: false, checks: 0 });
  expect(await decide({ ...LARGE, modelBytes: 1 }, "shared")).toMatchObject({ shares: true, checks: 1 });
  expect(await decide({ ...LARGE, modelBytes: 1 }, "other")).toMatchObject({ shares: false, checks: 0 });
});

test("a failed check is logged, and each lane has a session", async () => {
  const failed = { shares: false, checks: 1, reasons: ["it crashed"] };
  expect(await decide(LARGE, undefined, "it crashed")).toEqual(failed);
  expect(await decide(LARGE, "shared", "it crashed")).toEqual(failed);
});
