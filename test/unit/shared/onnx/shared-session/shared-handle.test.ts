import { expect, test } from "vitest";
import { SharedHandle } from "../../../../../shared/onnx/shared-session/shared-handle.ts";

const ADDRESSES = { env: 0x7f00_0000_0010n, session: 0xffff_ffff_ffff_fff8n };

test("the first of several threads opens a session, and the last one closes it", () => {
  const buffer = SharedHandle.buffer();
  const threads = [1, 2, 3].map(() => new SharedHandle(buffer));
  let opened = 0;
  for (const thread of threads) {
    const open = () => {
      opened += 1;
      return ADDRESSES;
    };
    expect(thread.take(open)).toEqual(ADDRESSES);
  }
  expect(opened).toBe(1);
  const closed: unknown[] = [];
  for (const thread of threads) {
    expect(closed).toEqual([]);
    thread.release((addresses) => closed.push(addresses));
  }
  expect(closed).toEqual([ADDRESSES]);
  threads[0]?.take(() => {
    opened += 1;
    return ADDRESSES;
  });
  expect(opened).toBe(2);
});

test("a thread that fails to open a session leaves that to the next one", () => {
  const buffer = SharedHandle.buffer();
  const fails = () => {
    throw new Error("no memory");
  };
  expect(() => new SharedHandle(buffer).take(fails)).toThrow("no memory");
  expect(() => new SharedHandle(buffer).take(fails)).toThrow("no memory");
  expect(new SharedHandle(buffer).take(() => ADDRESSES)).toEqual(ADDRESSES);
});

test("a session that cannot be shared is opened by no other thread", () => {
  const buffer = SharedHandle.buffer();
  expect(new SharedHandle(buffer).take(() => null)).toBeNull();
  const unexpected = () => {
    throw new Error("opened again");
  };
  expect(new SharedHandle(buffer).take(unexpected)).toBeNull();
});
