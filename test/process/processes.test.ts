import { afterEach, expect, test, vi } from "vitest";
import { startCli } from "../support/processes.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("a command that runs for too long is killed, and stderr and its promise report the limit", async () => {
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  await using cli = startCli(["setInterval(() => {}, 1_000)"], { main: "-e", limitMs: 300 });
  await expect(cli.ended).rejects.toThrow("did not end in 0.3 s");
  expect(said).toHaveBeenCalledWith(expect.stringContaining("did not end in 0.3 s, and is killed"));
});

test("an ended command gets no signal, because another process may have its process ID", async () => {
  await using cli = startCli(["0"], { main: "-e" });
  expect(await cli.ended).toMatchObject({ code: 0 });
  const kill = vi.spyOn(process, "kill");
  cli.killGroup("SIGKILL");
  expect(cli.groupLives()).toBe(false);
  expect(kill).not.toHaveBeenCalled();
});
