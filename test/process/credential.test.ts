import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureCredential, newSecret, readCredential, secretPath } from "../../shared/access/credential.ts";
import { realDisk } from "../../shared/core/disk.ts";
import { failureOf } from "../support/wire-rig.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-credential-"));
});
afterEach(() => rm(folder, { recursive: true }));

const reading = (path: string) => failureOf((async () => readCredential(path))());

describe("the secret's file", () => {
  test("is the requested one, else the environment's, else the user's default", () => {
    const env = { SHARDMILL_SECRET_FILE: "/mnt/secret", XDG_CONFIG_HOME: "/conf" };
    expect(secretPath("/asked", env)).toBe("/asked");
    expect(secretPath(undefined, env)).toBe("/mnt/secret");
    expect(secretPath(undefined, { ...env, SHARDMILL_SECRET_FILE: "" })).toBe("/conf/shardmill/secret");
    const usual = join(homedir(), ".config", "shardmill", "secret");
    expect(secretPath(undefined, { XDG_CONFIG_HOME: "not/absolute" })).toBe(usual);
  });

  test("is created without hard links, and a second call keeps it", async () => {
    const path = join(folder, "secret");
    const link = () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" }));
    const made = await ensureCredential(path, { ...realDisk, link });
    expect(readCredential(path)).toEqual(made);
    expect(await ensureCredential(path, { ...realDisk, link })).toEqual(made);
    expect(await readdir(folder)).toEqual(["secret"]);
  });

  test("is created once by concurrent callers, and only its owner can access it", async () => {
    const path = join(folder, "config", "shardmill", "secret");
    expect(readCredential(path)).toEqual({ path, secret: null });
    const umask = process.umask(0);
    const made = await Promise.all(Array.from({ length: 12 }, () => ensureCredential(path))).finally(() =>
      process.umask(umask),
    );
    const [first] = made;
    expect(first?.secret).toMatch(/^[\w-]{43}$/);
    for (const credential of made) expect(credential).toEqual(first);
    expect(readCredential(path)).toEqual(first);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, "config", "shardmill"))).toEqual(["secret"]);
    expect((await ensureCredential(join(folder, "other"))).secret).not.toBe(first?.secret);
  });

  test.each([0o640, 0o604, 0o660, 0o602])(
    "is refused and not changed when its mode %o lets other users access it",
    async (mode) => {
      const path = join(folder, "secret");
      await writeFile(path, newSecret());
      await chmod(path, mode);
      const refused = {
        code: "SECRET_INVALID",
        message: expect.stringContaining(mode.toString(8)),
        fields: { path },
        hint: `chmod 600 ${path}`,
      };
      expect(await reading(path)).toMatchObject(refused);
      expect(await failureOf(ensureCredential(path))).toMatchObject(refused);
      expect((await stat(path)).mode & 0o777).toBe(mode);
    },
  );

  test.runIf(process.getuid?.() === 0)("is refused when it belongs to another user", async () => {
    const path = join(folder, "secret");
    await writeFile(path, newSecret(), { mode: 0o600 });
    await chown(path, 65_534, 65_534);
    expect(await reading(path)).toMatchObject({ code: "SECRET_INVALID", fields: { path } });
  });

  test.each(["", "short", `${"x".repeat(40)} ${"y".repeat(40)}`, "ü".repeat(40)])(
    "is refused when it contains the invalid secret %j",
    async (text) => {
      const path = join(folder, "secret");
      await writeFile(path, text, { mode: 0o600 });
      const refused = (await reading(path)) as Error;
      expect(refused).toMatchObject({ code: "SECRET_INVALID", fields: { path } });
      if (text !== "") expect(JSON.stringify(refused)).not.toContain(text);
      expect(await readFile(path, "utf8")).toBe(text);
    },
  );

  test.each(["/dev/null", tmpdir()])("is refused without a chmod hint when its path is %s", async (path) => {
    expect(await reading(path)).toMatchObject({
      code: "SECRET_INVALID",
      message: "the secret file is not a file",
      hint: "name the file itself with --secret-file",
    });
  });

  test("can be a symbolic link, and is refused when it is a folder or cannot be created", async () => {
    const path = join(folder, "secret");
    await writeFile(path, `${newSecret()}\n`, { mode: 0o600 });
    await symlink(path, join(folder, "link"));
    expect(readCredential(join(folder, "link")).secret).toBe(readCredential(path).secret);
    await mkdir(join(folder, "folder"), { mode: 0o700 });
    expect(await reading(join(folder, "folder"))).toMatchObject({ code: "SECRET_INVALID" });
    const below = join(path, "below");
    expect(await failureOf(ensureCredential(below))).toMatchObject({
      code: "SECRET_INVALID",
      message: expect.stringContaining("cannot be made"),
      fields: { path: below },
      hint: expect.stringContaining("--secret-file"),
    });
  });
});
