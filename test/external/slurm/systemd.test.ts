import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { runCli } from "../../support/processes.ts";

/** The units of deploy/systemd, read by systemd's own checker. systemd itself does not run here. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-systemd-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const UNITS = ["coordinator", "worker"];

/** Copies a unit, with an existing program instead of the missing command. */
async function copyOf(unit: string, change: (text: string) => string = (text) => text): Promise<string> {
  const text = await readFile(join(packageRoot, "deploy", "systemd", `shardmill-${unit}.service`), "utf8");
  const path = join(folder, `shardmill-${unit}.service`);
  await writeFile(path, change(text.replaceAll("/usr/local/bin/shardmill", process.execPath)));
  return path;
}

function analyze(...args: readonly string[]) {
  const { status, stdout, stderr, error } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

describe.each(UNITS)("the unit of a %s", (unit) => {
  test("is valid, and has no key that systemd does not know", async () => {
    expect(analyze("verify", await copyOf(unit))).toEqual({ status: 0, stdout: "", stderr: "" });
    // An unknown key is reported, but is no failure for systemd.
    const wrong = await copyOf(unit, (text) => text.replace("NoNewPrivileges=", "NoNewPrivilege="));
    expect(analyze("verify", wrong).stderr).toContain("NoNewPrivilege");
  });

  test("passes the security threshold of systemd-analyze", async () => {
    const { status, stdout } = analyze("security", "--offline=true", "--threshold=25", await copyOf(unit));
    expect(stdout).toContain("Overall exposure level");
    expect(status).toBe(0);
    const open = await copyOf(unit, (text) =>
      text.replace(/^(Protect|Restrict|Capability|System).*\n/gm, ""),
    );
    expect(analyze("security", "--offline=true", "--threshold=25", open).status).not.toBe(0);
  });

  test("starts an existing command with existing options", async () => {
    const text = await readFile(join(packageRoot, "deploy", "systemd", `shardmill-${unit}.service`), "utf8");
    const [, line = ""] = /^ExecStart=\/usr\/local\/bin\/shardmill (.*)$/m.exec(text) ?? [];
    const [command = "", ...options] = line.split(" ");
    const help = await runCli([command, "--help"]);
    expect(help.code).toBe(0);
    for (const option of options.filter((each) => each.startsWith("--")))
      expect(help.stdout).toContain(option);
  });
});
