import { describe, expect, it, test, vi } from "vitest";
import { commandLine, commandNames, helpOf } from "../../../cli/command-line.ts";
import { priorityCommand } from "../../../cli/standing.ts";
import { usageError } from "../../../cli/usage-error.ts";
import { isShardmillError } from "../../../shared/core/errors.ts";
import { needs } from "../../support/needs.ts";

/** Returns the message and the hint for a wrong command line. */
async function answer(line: string): Promise<readonly [string, string | undefined]> {
  const args = line === "" ? [] : line.split(" ");
  const parse = async () => void (await commandLine(args).parseAsync());
  const error = await parse().catch((thrown: unknown) => usageError(thrown, args));
  if (!isShardmillError(error, "ARGUMENT_INVALID")) throw new Error(`not refused: ${line}: ${error}`);
  return [error.message, error.hint];
}

describe("an invalid command line", () => {
  test.each([
    ["rum", "unknown command `rum`", "did you mean `run`?"],
    ["stats", "unknown command `stats`", "did you mean `status`?"],
    ["run", "run needs <job>: the job file", "usage: shardmill run <job>"],
    ["run --hlep", "unknown option --hlep", "did you mean --help?"],
    ["cancel", "cancel needs <job>: the job's id, as status shows it", "usage: shardmill cancel <job>"],
    ["run job.yaml more", "too many arguments: `more`", "usage: shardmill run <job>"],
    ["run --set a=1 job.yaml more", "too many arguments: `more`", "usage: shardmill run <job>"],
    ["run job.yaml --wokers 3", "unknown option --wokers", "did you mean --workers?"],
    ["run job.yaml --wokers=3", "unknown option --wokers", "did you mean --workers?"],
    ["run job.yaml --no-frsh", "unknown option --no-frsh", "did you mean --fresh?"],
    ["run job.yaml --log-levl info", "unknown option --log-levl", "did you mean --log-level?"],
    ["plan job.yaml --no-nodes", "unknown option --no-nodes", "shardmill plan --help shows its options"],
    ["run job.yaml -q", "unknown option -q", "shardmill run --help shows its options"],
    ["run job.yaml --workers", "--workers needs a value", "shardmill run --help shows its options"],
    ["run job.yaml --set", "--set needs a value", "shardmill run --help shows its options"],
    [
      "run job.yaml --lanes 1 --lanes 2",
      "--lanes is given 2 times, but takes one value",
      "shardmill run --help shows its options",
    ],
    [
      "status --secret-file a --secret-file b",
      "--secret-file is given 2 times, but takes one value",
      "shardmill status --help shows its options",
    ],
    ["run job.yaml --log-level infos", "--log-level cannot be `infos`", "did you mean `info`?"],
    [
      "worker --device gpu",
      "--device cannot be `gpu`",
      "one of auto, cpu, cuda, tensorrt, webgpu, coreml, dml",
    ],
  ])("`%s`: %s; %s", async (line, message, hint) => {
    expect(await answer(line)).toEqual([message, hint]);
  });

  needs("report")("an option of one letter is named as typed when it is given twice", async () => {
    const hint = "shardmill report --help shows its options";
    expect(await answer("report out -o a -o b")).toEqual(["-o is given 2 times, but takes one value", hint]);
  });

  needs(
    "explain",
    "serve",
    "init",
    "convert",
    "try",
    "report",
    "web",
    "flight",
  )("a missing or unknown command lists all commands", async () => {
    const names =
      "run, coordinator, worker, submit, status, watch, serve, runs, pause, resume, priority, cancel, workers, page, init, convert, plan, try, flight, report, probe, token, schema, version, explain";
    expect(await answer("")).toEqual(["no command is given", `one of ${names}; shardmill --help shows more`]);
    expect(await answer("frobnicate")).toEqual(["unknown command `frobnicate`", `the commands are ${names}`]);
  });

  it("other errors are returned unchanged", async () => {
    const error = new TypeError("x is not a function");
    expect(await usageError(error, ["run"])).toBe(error);
  });
});

describe("the help of every command", () => {
  it("has a usage line, options and examples, in lines of at most 80 characters", async () => {
    for (const name of await commandNames()) {
      const help = await helpOf(name, 80);
      expect(help).toMatch(new RegExp(`^shardmill ${name}`));
      expect(help).toContain("\nOptions:\n");
      expect(help).toMatch(/\nExamples:\n {2}shardmill /);
      expect(help, "the help shows no `$0`").not.toContain("$0");
      expect(Math.max(...help.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    }
  });
});

describe("words after `--`", () => {
  test("a word that begins with a dash is passed to the command as a path", async () => {
    const error = await Promise.resolve(commandLine(["plan", "--", "-rf.yaml"]).parseAsync()).catch((e) => e);
    expect(error).toMatchObject({ code: "SPEC_INVALID", problems: [{ where: "-rf.yaml" }] });
  });

  test.each([
    ["cancel -- -a -b", "too many arguments: `-b`"],
    ["token -- -x", "--action cannot be `-x`"],
  ])("`%s` is refused: %s", async (line, message) => {
    expect((await answer(line))[0]).toBe(message);
  });

  test("a job id and a negative priority are passed to the command unchanged", async () => {
    const handler = vi.fn();
    await commandLine(["priority", "--", "-rf-57945f7c", "-5"])
      .command({ ...priorityCommand, handler })
      .parseAsync();
    expect(handler).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ job: "-rf-57945f7c", priority: -5 }),
    );
  });
});
