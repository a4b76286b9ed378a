import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import { endText, Remote, type RemoteEnd, type RemoteLink } from "../../shared/core/remote/remote.ts";

/** One kind of remote to test. */
interface RemoteUnderTest {
  start(script: URL): { readonly link: RemoteLink; hasEnded(): boolean };
  /** Pattern of the end after an uncaught error. */
  readonly uncaught: RegExp;
  /** Memory limit of a started remote. */
  readonly memoryMib: number;
}

/** Methods of the script below. */
interface Tried {
  echo(value: unknown): unknown;
  hold(key: string): string;
  free(key: string): void;
  fail(argument: null): never;
  untilAborted(argument: null, context: CallContext): string;
  abortedCount(argument: null): number;
  count(upTo: number, context: CallContext<number>): string;
  ask(question: string): string;
  spin(argument: null): never;
  exit(code: number): never;
  throwLater(argument: null): never;
  eatMemory(argument: null): never;
}

const SCRIPT = `
import { ShardmillError } from "${compiledUrl("shared/core/errors.ts")}";
import { serveOwner } from "${compiledUrl("shared/core/remote/serve-owner.ts")}";
const held = new Map();
let aborted = 0;
const forEver = () => new Promise(() => {});
const owner = serveOwner({
  echo: (value) => value,
  hold: (key) => new Promise((resolve) => held.set(key, () => resolve(key))),
  free: (key) => held.get(key)(),
  fail() {
    const problems = [{ where: "a", what: "is wrong" }];
    throw new ShardmillError("SPEC_INVALID", "not right", { fields: { shard: 7 }, problems, hint: "mend it" });
  },
  untilAborted: (_, { signal, emit }) => new Promise((resolve) => {
    signal.addEventListener("abort", () => { aborted += 1; resolve("stopped"); });
    emit("started");
  }),
  abortedCount: () => aborted,
  count(upTo, { emit }) {
    for (let n = 0; n < upTo; n += 1) emit(n);
    return "counted";
  },
  async ask(question) {
    owner.notify("note", question);
    return await owner.call("answer", question, { signal: new AbortController().signal });
  },
  spin() { for (;;); },
  exit: (code) => process.exit(code),
  throwLater() { setImmediate(() => { throw new Error("this error is uncaught"); }); return forEver(); },
  eatMemory() {
    const all = [];
    setInterval(() => { for (let n = 0; n < 1e5; n += 1) all.push({ place: [n] }); }, 0);
    return forEver();
  },
}, () => owner.notify("note", "closed"));
`;

/** Checks what every remote promises, whether a thread or a process. */
export function remoteContract(name: string, { start, uncaught, memoryMib }: RemoteUnderTest): void {
  let folder: string;
  let script: URL;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "shardmill-remote-"));
    const path = join(folder, "tried.mjs");
    await writeFile(path, SCRIPT);
    script = pathToFileURL(path);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function startRemote() {
    const { link, hasEnded } = start(script);
    const ends: RemoteEnd[] = [];
    const notes: string[] = [];
    const remote = new Remote<Tried>(link, {
      serves: {
        answer: async (question: string) => `an answer to ${question}`,
        note: (note: string) => void notes.push(note),
      },
      lost(end) {
        ends.push(end);
        return new Error(`lost: ${endText(end)}`);
      },
    });
    return { remote, hasEnded, ends, notes };
  }

  describe(`${name} as a remote`, () => {
    test("a call returns its result", async () => {
      await using remote = startRemote().remote;
      expect(await remote.call("echo", { a: [1, "two", null] }, { signal: NEVER })).toEqual({
        a: [1, "two", null],
      });
    });

    test("concurrent calls return in the order in which they finish", async () => {
      await using remote = startRemote().remote;
      const order: string[] = [];
      const calls = ["a", "b"].map(async (key) =>
        order.push(await remote.call("hold", key, { signal: NEVER })),
      );
      await remote.call("free", "b", { signal: NEVER });
      await calls[1];
      await remote.call("free", "a", { signal: NEVER });
      await Promise.all(calls);
      expect(order).toEqual(["b", "a"]);
    });

    test("an error arrives with its code, fields, problems and hint, and does not affect later calls", async () => {
      await using remote = startRemote().remote;
      const detail = { code: "SPEC_INVALID", message: "not right", fields: { shard: 7 }, hint: "mend it" };
      const problems = [{ where: "a", what: "is wrong" }];
      await expect(remote.call("fail", null, { signal: NEVER })).rejects.toMatchObject({
        ...detail,
        problems,
      });
      await expect(remote.call("none" as "fail", null, { signal: NEVER })).rejects.toMatchObject({
        code: "INTERNAL",
      });
      expect(await remote.call("echo", 1, { signal: NEVER })).toBe(1);
    });

    test("an aborted call rejects with the signal's reason, and is aborted in the remote", async () => {
      await using remote = startRemote().remote;
      const stop = new AbortController();
      const reason = new Error("enough");
      const onEvent = () => stop.abort(reason);
      const call = remote.call("untilAborted", null, { onEvent, signal: stop.signal });
      await expect(call).rejects.toBe(reason);
      expect(await remote.call("abortedCount", null, { signal: NEVER })).toBe(1);
      await expect(remote.call("echo", 1, { signal: stop.signal })).rejects.toBe(reason);
    });

    test("an aborted call that waits for its reply returns it", async () => {
      await using remote = startRemote().remote;
      const stop = new AbortController();
      const options = { onEvent: () => stop.abort(), onAbort: "wait" } as const;
      expect(await remote.call("untilAborted", null, { ...options, signal: stop.signal })).toBe("stopped");
    });

    test("events of a call arrive in order, before its result", async () => {
      await using remote = startRemote().remote;
      const seen: unknown[] = [];
      const onEvent = (event: number) => seen.push(event);
      seen.push(await remote.call("count", 5, { onEvent, signal: NEVER }));
      expect(seen).toEqual([0, 1, 2, 3, 4, "counted"]);
    });

    test("a remote calls its owner, and notifies it without waiting", async () => {
      const { remote, notes } = startRemote();
      await using _remote = remote;
      expect(await remote.call("ask", "why", { signal: NEVER })).toBe("an answer to why");
      expect(notes).toEqual(["why"]);
    });

    test("a call without a reply in time ends the remote, and rejects every other call", async () => {
      const { remote, ends, hasEnded } = startRemote();
      await remote.call("echo", 1, { signal: NEVER });
      const other = expect(remote.call("hold", "a", { signal: NEVER })).rejects.toThrow(
        "it did not answer for 0.1 s",
      );
      await expect(remote.call("spin", null, { limitMs: 100, signal: NEVER })).rejects.toThrow(
        "it did not answer for 0.1 s",
      );
      await other;
      await remote[Symbol.asyncDispose]();
      expect([ends, hasEnded()]).toEqual([[{ kind: "time", limitMs: 100 }], true]);
    });

    test.each([
      ["exit", 7, /exit code 7/],
      ["throwLater", null, uncaught],
      ["eatMemory", null, /more than .* of memory/],
    ] as const)("%s in the remote rejects every pending and later call", async (method, argument, says) => {
      const { remote, ends, hasEnded } = startRemote();
      const held = expect(remote.call("hold", "a", { signal: NEVER })).rejects.toThrow(says);
      await expect(remote.call(method, argument as never, { signal: NEVER })).rejects.toThrow(says);
      await held;
      const error = remote.error;
      await expect(remote.call("echo", 1, { signal: NEVER })).rejects.toBe(error);
      remote.notify("echo", 1);
      await remote[Symbol.asyncDispose]();
      expect([ends.length, hasEnded()]).toEqual([1, true]);
      const [end] = ends;
      if (end?.kind === "memory") expect(end.bytes).toBeGreaterThanOrEqual(memoryMib * 2 ** 20);
    });

    test("disposal during a call ends the remote, and the call rejects", async () => {
      const { remote, ends, hasEnded } = startRemote();
      const spinning = expect(remote.call("spin", null, { signal: NEVER })).rejects.toThrow("it was ended");
      await remote[Symbol.asyncDispose]();
      await spinning;
      expect([ends, hasEnded()]).toEqual([[{ kind: "closed" }], true]);
    });

    test("a closed remote aborts its calls, closes its resources and ends", async () => {
      const { remote, notes, hasEnded } = startRemote();
      const pending = remote.call("untilAborted", null, { signal: NEVER });
      expect(await remote.close(60_000)).toBe(true);
      expect(await pending).toBe("stopped");
      expect([notes, hasEnded()]).toEqual([["closed"], true]);
      await expect(remote.call("echo", 1, { signal: NEVER })).rejects.toThrow("it was ended");
    });

    test("a remote that does not close in time reports this, and its calls reject", async () => {
      const { remote, hasEnded } = startRemote();
      await remote.call("echo", 1, { signal: NEVER });
      const spinning = expect(remote.call("spin", null, { signal: NEVER })).rejects.toThrow("it was ended");
      expect(await remote.close(50)).toBe(false);
      await spinning;
      await remote[Symbol.asyncDispose]();
      expect(hasEnded()).toBe(true);
    });
  });
}
