import { expect, test } from "vitest";
import { isInNoProxyNetwork } from "../../../../shared/http/local-addresses.ts";

test.each([
  ["10.2.3.4", "localhost,10.0.0.0/8", true],
  ["10.2.3.4", "192.168.0.0/16 10.2.3.4/32", true],
  ["11.2.3.4", "10.0.0.0/8", false],
  ["fd00::7", "fd00::/8", true],
  ["fd00::7", "[fd00::]/8", true],
  ["fd00::7", "10.0.0.0/8", false],
  ["10.2.3.4", "10.0.0.0/33", false],
  ["10.2.3.4", "10.0.0.0", false],
  ["node1", "10.0.0.0/8", false],
  ["10.2.3.4", undefined, false],
] as const)("the host %s is in a network of NO_PROXY=%s: %s", (host, noProxy, isThere) => {
  expect(isInNoProxyNetwork(host, noProxy)).toBe(isThere);
});
