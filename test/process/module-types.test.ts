import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkTypes } from "../../extensions/code/plan/check-types.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";

const WHERE = "map.prepare[0]";
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-types-"));
});
afterAll(() => rm(root, { recursive: true }));

const header = 'import { defineStep, fail, list } from "shardmill";';

describe("the types of a module", () => {
  /** Checks code with this project's TypeScript, or without any. */
  const check = async (code: string, { installed = true, ms = 60_000, name = "steps.ts" } = {}) => {
    const folder = await mkdtemp(join(root, "types-"));
    await writeFile(join(folder, name), code);
    await writeFile(join(folder, "parts.ts"), "export const part: number = 1;\n");
    if (installed) {
      await mkdir(join(folder, "node_modules"));
      await symlink(join(process.cwd(), "node_modules/typescript"), join(folder, "node_modules/typescript"));
    }
    return await checkTypes([{ where: WHERE, path: join(folder, name) }], {
      limits: { ms, bytes: 2 ** 31 },
      signal: NEVER,
    });
  };
  const right = `${header}
import { readFileSync } from "node:fs";
import { part } from "./parts.ts";
import nothing from "not-installed";
nothing.at(readFileSync);
export default defineStep({
  reads: { id: "int64", name: "string?" },
  columns: { n: "int32", words: list("string") },
  row: ({ id, name }) => (id === 1n ? fail("one") : { n: part, words: [name ?? ""] }),
});`;

  it("pass the check when only types of packages that are not installed are missing", async () => {
    expect(await check(right)).toMatchObject([
      { kind: "checked", typescript: expect.stringMatching(/^7\./) },
    ]);
  });

  it("have all errors reported at once, with file, line and column", async () => {
    const wrong = right.replace("n: part", 'n: "one"').replace("id === 1n", "name.length > 3");
    const error: unknown = await check(wrong).catch((thrown: unknown) => thrown);
    if (!isShardmillError(error, "STEP_INVALID")) throw error;
    expect(error.problems.map(({ where }) => where)).toEqual(["steps.ts:9:3", "steps.ts:9:27"]);
    expect(error.problems[0]?.what).toContain("Type 'string' is not assignable to type 'number'");
    expect(error.problems[1]?.what).toMatch(/^'name' is possibly 'null'\. \(TS18047\)\n {2}row: \(\{ id/);
  });

  it.each(["length", "values", "map"])(
    "report a wrong column named %s like any other column",
    async (name) => {
      const wrong = `${header}
export default defineStep({
  reads: { text: "string" },
  columns: { ${name}: "int32" },
  row: ({ text }) => (text === "" ? null : { ${name}: text }),
});`;
      const error: unknown = await check(wrong).catch((thrown: unknown) => thrown);
      if (!isShardmillError(error, "STEP_INVALID")) throw error;
      expect(error.problems[0]?.what).toContain(`Types of property '${name}' are incompatible`);
      expect(error.problems[0]?.what).not.toContain("missing the following properties");
      const right = wrong.replace(`{ ${name}: text }`, `[1, 2].map((n) => ({ ${name}: n }))`);
      expect(await check(right)).toMatchObject([{ kind: "checked" }]);
    },
  );

  it.each([
    ["typescript is not installed next to it", right, { installed: false }],
    ["took longer than 0.001 s", right, { ms: 1 }],
    ["it does not compile", "const a = ;", {}],
  ])("are unchecked, without an error: %s", async (why, code, options) => {
    expect(await check(code, options)).toMatchObject([
      { kind: "unchecked", why: expect.stringContaining(why) },
    ]);
  });

  it("are not checked for JavaScript", async () => {
    expect(await check("export default 1;", { name: "steps.mjs" })).toEqual([]);
  });
});
