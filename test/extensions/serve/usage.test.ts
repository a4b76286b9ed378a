import { expect, test } from "vitest";
import { commandLine } from "../../../cli/command-line.ts";
import { usageError } from "../../../cli/usage-error.ts";

test("`serve` without job files is refused with its usage", async () => {
  const error = await Promise.resolve(commandLine(["serve"]).parseAsync()).catch((thrown) =>
    usageError(thrown, ["serve"]),
  );
  expect(error).toMatchObject({
    code: "ARGUMENT_INVALID",
    message: "serve needs <jobs>: job files with a trigger, or folders of them",
    hint: "usage: shardmill serve <jobs..>",
  });
});
