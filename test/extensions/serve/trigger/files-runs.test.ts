import { expect, test } from "vitest";
import type { LocatedFile } from "../../../../coordinator/plan/input/discover.ts";
import type { NextRun } from "../../../../coordinator/runs/next-run.ts";
import { FilesRuns } from "../../../../extensions/serve/trigger/files-runs.ts";
import type { RunOutcome } from "../../../../extensions/serve/trigger/run-outcome.ts";
import type { ErrorCode } from "../../../../shared/core/error-codes.ts";
import { type ErrorData, errorToData, ShardmillError } from "../../../../shared/core/errors.ts";
import type { TakesFile } from "../../../../shared/domain/new-input.ts";
import { aJobId } from "../../../support/ids.ts";

const HOUR = 3_600_000;
const TRIGGER = { kind: "files", quietMs: 0, lookMs: 1, timeZone: "UTC" } as const;

interface File {
  readonly path: string;
  readonly bytes: number;
  readonly version: string;
}
const aFile = (path: string, bytes = 1): File => ({ path, bytes, version: "1" });

/** An inbox whose run fails as long as it reads a bad file. */
class Inbox {
  files: File[] = [];
  readonly bad = new Map<string, number>();
  /** Error of every run over bad files. */
  code: ErrorCode = "INPUT_CORRUPT";
  /** Returns the path that the failure names for a bad file. */
  named = (path: string): string => path;
  readonly aside: string[] = [];
  readonly taken: string[][] = [];
  nowMs = 0;
  readonly runs = new FilesRuns({
    ledger: { state: null, save: async () => {} },
    look: async () => ({ kind: "run", begun: null, input: { files: this.files } }) as unknown as NextRun,
    run: async (takes) => this.#run(takes),
    nowMs: () => this.nowMs,
    wallMs: () => this.nowMs,
    onEnded: () => {},
    onExcluded: (paths: readonly string[], failure: ErrorData) => this.aside.push(...paths, failure.code),
  });

  async #run(takes: TakesFile): Promise<RunOutcome> {
    const files = this.files.filter((file) => takes(file as unknown as LocatedFile));
    this.taken.push(files.map(({ path }) => path));
    const bad = files.filter(({ path, bytes }) => this.bad.get(path) === bytes).map(({ path }) => path);
    if (bad.length === 0) {
      this.files = this.files.filter((file) => !files.includes(file));
      return { outcome: "published", jobId: aJobId("j"), failure: null };
    }
    const problems = bad.map((path) => ({ where: this.named(path), what: "is corrupt" }));
    const failure = errorToData(new ShardmillError(this.code, "no", { problems }));
    return { outcome: "failed", jobId: null, failure };
  }

  async look(): Promise<void> {
    this.nowMs += HOUR;
    await this.runs.step(TRIGGER);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
}

test("unreadable files are excluded after three runs, until they change", async () => {
  const inbox = new Inbox();
  inbox.files = [aFile("/in/good"), aFile("/in/bad"), aFile("/in/empty")];
  inbox.bad.set("/in/bad", 1).set("/in/empty", 1);
  for (let look = 0; look < 3; look += 1) await inbox.look();
  expect(inbox.aside).toEqual(["/in/bad", "/in/empty", "INPUT_CORRUPT"]);
  await inbox.look();
  expect(inbox.taken.at(-1)).toEqual(["/in/good"]);
  expect(inbox.files.map(({ path }) => path)).toEqual(["/in/bad", "/in/empty"]);
  const runs = inbox.taken.length;
  await inbox.look();
  expect(inbox.taken).toHaveLength(runs);
  inbox.files = [aFile("/in/bad", 2), aFile("/in/empty")];
  await inbox.look();
  expect(inbox.taken.at(-1)).toEqual(["/in/bad"]);
});

test.each(["INPUT_NOT_FOUND", "INPUT_UNSUPPORTED"] as const)(
  "files of %s are excluded, too",
  async (code) => {
    const inbox = new Inbox();
    inbox.code = code;
    inbox.files = [aFile("/in/good"), aFile("/in/bad")];
    inbox.bad.set("/in/bad", 1);
    for (let look = 0; look < 3; look += 1) await inbox.look();
    expect(inbox.aside).toEqual(["/in/bad", code]);
  },
);

test.each(["STORE_UNAVAILABLE", "MODEL_FAILED", "ROW_VALUE"] as const)(
  "a run that fails with %s excludes no file, although the failure names one",
  async (code) => {
    const inbox = new Inbox();
    inbox.code = code;
    inbox.files = [aFile("/in/good"), aFile("/in/named")];
    inbox.bad.set("/in/named", 1);
    for (let look = 0; look < 9; look += 1) await inbox.look();
    expect(inbox.aside).toEqual([]);
    expect(inbox.taken).toEqual(Array(9).fill(["/in/good", "/in/named"]));
  },
);

test("a run that fails for a file outside its input excludes no file", async () => {
  const inbox = new Inbox();
  inbox.files = [aFile("/in/good"), aFile("/in/bad")];
  inbox.bad.set("/in/bad", 1);
  inbox.named = () => "/models/m.onnx";
  for (let look = 0; look < 5; look += 1) await inbox.look();
  expect(inbox.aside).toEqual([]);
});
