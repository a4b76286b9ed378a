import { describe, expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import { commandNames, helpOf } from "../../cli/command-line.ts";

const commands = EXTENSIONS.flatMap(({ name, command = [] }) =>
  [command].flat().map((one) => ({ name, command: one })),
);

test("commands of extensions have unique names", async () => {
  const names = await commandNames();
  expect(new Set(names).size).toBe(names.length);
  for (const { command } of commands) expect(names).toContain(command.usage.split(" ")[0]);
});

describe.each(commands)("the command $command.usage of $name", ({ command }) => {
  const [name = ""] = command.usage.split(" ");

  test("shows its purpose, options and an example", async () => {
    const help = await helpOf(name);
    expect(help).toContain(`shardmill ${command.usage}`);
    expect(help).toContain(command.says);
    expect(help).toContain("Options:");
    expect(help).toContain("Examples:");
  });

  test("describes each of its options", async () => {
    const [, help = ""] = (await helpOf(name)).split(/^(?:Options|Examples):$/m);
    const options = [...help.matchAll(/^ {2,6}(?:-\w, )?--[a-z-]+ +(\S.*)$/gm)];
    expect(options.length).toBeGreaterThan(2);
    for (const [line, says = ""] of options) expect(says, line).toMatch(/^\S+ \S/);
  });
});
