import { describe, expect, test } from "vitest";
import { formatAddress, isLoopback, parseAddress } from "../../../../shared/wire/address.ts";

describe("an address", () => {
  test.each([
    ["localhost:7070", { host: "localhost", port: 7070 }],
    ["10.0.0.7:1", { host: "10.0.0.7", port: 1 }],
    ["node-7.cluster_a.local:65535", { host: "node-7.cluster_a.local", port: 65535 }],
    ["[::1]:7070", { host: "::1", port: 7070 }],
    ["[fe80::1%eth0]:7070", { host: "fe80::1%eth0", port: 7070 }],
  ])("%s is parsed and formatted unchanged", (text, address) => {
    expect(parseAddress(text, "connect")).toEqual(address);
    expect(formatAddress(address)).toBe(text);
  });

  test.each([
    "",
    "localhost",
    ":7070",
    "localhost:",
    "localhost:0",
    "localhost:65536",
    "::1:7070",
    "http://localhost:7070",
    "a b:7070",
    "localhost:-1",
    "localhost:7070/x",
  ])("`%s` is refused with a hint that shows a valid address", (text) => {
    const refused = expect.objectContaining({
      code: "ARGUMENT_INVALID",
      fields: { address: text },
      hint: expect.stringContaining("localhost:7433"),
    });
    expect(() => parseAddress(text, "connect")).toThrow(refused);
  });

  test("port 0 is accepted for listening", () => {
    expect(parseAddress("127.0.0.1:0", "listen")).toEqual({ host: "127.0.0.1", port: 0 });
  });
});

test("loopback hosts are distinguished from hosts that other machines may reach", () => {
  for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"])
    expect([host, isLoopback(host)]).toEqual([host, true]);
  for (const host of [
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "127.0.0.1.example",
    "localhost.example",
    "::2",
    "fe80::1",
  ])
    expect([host, isLoopback(host)]).toEqual([host, false]);
});
