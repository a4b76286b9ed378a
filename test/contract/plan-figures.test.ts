import { describe, expect, test } from "vitest";
import yargs from "yargs";
import { EXTENSIONS } from "#extensions";
import { helpOf } from "../../cli/command-line.ts";
import { suiteCovers } from "../support/needs.ts";

const parts = EXTENSIONS.flatMap(({ name, plan }) => (plan === undefined ? [] : [{ name, plan }]));

suiteCovers(parts, "estimate");

test("figures of extensions have unique keys", () => {
  const keys = parts.map(({ plan }) => plan.key);
  expect(new Set(keys).size).toBe(keys.length);
});

describe.each(parts)("the figures of $name", ({ plan }) => {
  const optionsIn = (help: string) =>
    [...help.matchAll(/^ {2,6}(?:-\w, )?--([a-z-]+) +(\S.*)$/gm)].map(([, name, says]) => `${name}: ${says}`);

  test("describe each of their options in the help of `plan`", async () => {
    const { options } = await plan.load();
    const own = optionsIn(await options(yargs([]).help(false).version(false).wrap(110)).getHelp());
    expect(own.length).toBeGreaterThan(0);
    for (const option of own) expect(option).toMatch(/^[a-z-]+: \S+ \S/);
    const names = (options: readonly string[]) => options.map((option) => option.split(":")[0]);
    expect(names(optionsIn(await helpOf("plan")))).toEqual(expect.arrayContaining(names(own)));
  });

  test("can be requested with default options", async () => {
    const { options, ask } = await plan.load();
    const args = await options(yargs([])).parseAsync();
    expect(() => ask(args)).not.toThrow();
  });
});
