import { describe, expect, test } from "vitest";
import yargs from "yargs";
import { EXTENSIONS } from "#extensions";
import { helpOf } from "../../cli/command-line.ts";
import { suiteCovers } from "../support/needs.ts";

const parts = EXTENSIONS.flatMap(({ name, probe }) => (probe === undefined ? [] : [{ name, probe }]));

suiteCovers(parts, "node-check");

test("checks of extensions have unique keys, besides those of the probe", () => {
  const keys = ["devices", "libraries", ...parts.map(({ probe }) => probe.key)];
  expect(new Set(keys).size).toBe(keys.length);
});

describe.each(parts)("the checks of $name", ({ probe }) => {
  test("describe each of their options in the help of `probe`", async () => {
    const { options } = await probe.load();
    const own = await options(yargs([]).help(false).version(false).wrap(110)).getHelp();
    const names = [...own.matchAll(/^ {2,6}--([a-z-]+) +\S/gm)].map(([, name = ""]) => name);
    expect(names.length).toBeGreaterThan(0);
    const help = await helpOf("probe");
    for (const name of names) expect(help).toMatch(new RegExp(`^ {2,6}--${name} +\\S`, "m"));
  });

  test("are not requested by default", async () => {
    const { options, ask } = await probe.load();
    expect(ask(await options(yargs([])).parseAsync())).toBeNull();
  });
});
