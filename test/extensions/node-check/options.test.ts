import { expect, test } from "vitest";
import yargs from "yargs";
import { fullChecks } from "../../../extensions/node-check/options.ts";

const ask = async (...args: string[]) =>
  fullChecks.ask(await fullChecks.options(yargs(args).exitProcess(false).fail(false)).parseAsync());

test("checks run only with --full", async () => {
  expect(await ask()).toBeNull();
  for (const args of [[], ["--short"], ["--device", "cpu"], ["--minutes", "2.5"]])
    expect(await ask("--full", ...args)).not.toBeNull();
});

test.each([["--short"], ["--device=cpu"], ["--minutes=3"]])("%s alone is refused", async (option) => {
  await expect(ask(option)).rejects.toMatchObject({
    code: "ARGUMENT_INVALID",
    hint: expect.stringContaining("--full"),
  });
});

test.each(["0", "-1", "ten", "", "1e9"])("--minutes %j is refused", async (minutes) => {
  await expect(ask("--full", `--minutes=${minutes}`)).rejects.toMatchObject({
    code: "ARGUMENT_INVALID",
    fields: { option: "minutes" },
  });
});
