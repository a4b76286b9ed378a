import { lookup as resolveName } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { failed } from "./failures.ts";

/** This machine, what is on its own line (there clouds tell machines their credentials), and no address. */
const LOCAL = new BlockList();
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["100.100.100.200", 32],
] as const)
  LOCAL.addSubnet(net, bits, "ipv4");
for (const [net, bits] of [
  ["::", 127],
  ["fe80::", 10],
  ["fd00:ec2::254", 128],
] as const)
  LOCAL.addSubnet(net, bits, "ipv6");

/** Addresses of IPv4 in IPv6 are looked at as what they lead to. */
function isLocal(address: string): boolean {
  return LOCAL.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** @throws {STORE_REFUSED} when a host is such an address itself */
export function refuseLocal(host: string): void {
  if (isIP(host) !== 0 && isLocal(host)) throw refused(host);
}

/** Looks up names, and refuses those that lead to such an address: what was looked at is connected to. */
export const lookupElsewhere: LookupFunction = (host, options, done) => {
  resolveName(host, { ...options, all: true }, (error, found) => {
    if (error !== null) return done(error, "", 0);
    if (found.some(({ address }) => isLocal(address))) return done(refused(host), "", 0);
    const [first] = found;
    if (options.all === true) return done(null, found);
    done(null, first?.address ?? "", first?.family ?? 0);
  });
};

function refused(host: string): Error {
  return failed("STORE_REFUSED", host, "is this machine, or on its own line", {
    hint: "this coordinator takes jobs of others: its operator allows such addresses with --allow-local-addresses",
  });
}
