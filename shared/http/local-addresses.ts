import { lookup as resolveName } from "node:dns";
import { lookup as lookupAll } from "node:dns/promises";
import { BlockList, isIP, isIPv6, type LookupFunction } from "node:net";
import { failed } from "./failures.ts";

/** Addresses of this machine, of its link (where clouds serve credentials), and unspecified ones. */
const LOCAL = new BlockList();
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["100.100.100.200", 32],
  ["168.63.129.16", 32],
] as const)
  LOCAL.addSubnet(net, bits, "ipv4");
for (const [net, bits] of [
  ["::", 127],
  ["fe80::", 10],
  ["fd00:ec2::", 96],
  ["fd20:ce::254", 128],
  ["fd00:c1::a9fe:a9fe", 128],
] as const)
  LOCAL.addSubnet(net, bits, "ipv6");

/** Checks an address. IPv4 within IPv6, in any form, is checked as the IPv4 address. */
function isLocal(address: string): boolean {
  if (isIP(address) !== 6) return LOCAL.check(address, "ipv4");
  const inner = innerIpv4(address);
  return LOCAL.check(address, "ipv6") || (inner !== null && LOCAL.check(inner, "ipv4"));
}

/** Returns the IPv4 part of translated addresses (RFC 6052, 2765), 6to4 (3056) and compatible ones (4291). */
function innerIpv4(address: string): string | null {
  const groups = groupsOf(address);
  const start = groups.slice(0, 6).join(":");
  if (["64:ff9b:0:0:0:0", "0:0:0:0:ffff:0", "0:0:0:0:0:0"].includes(start)) return dotted(groups.slice(6));
  return groups[0] === "2002" ? dotted(groups.slice(1, 3)) : null;
}

/** Returns the eight groups of an address, in lower case, without leading zeros. */
function groupsOf(address: string): readonly string[] {
  const [bare = ""] = address.split("%");
  const text = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const [head = "", tail] = text.split("::");
  const [before, after] = [head, tail ?? ""].map((part) => (part === "" ? [] : part.split(":")));
  const [left, right] = [before ?? [], after ?? []];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right];
}

function dotted(groups: readonly string[]): string {
  return groups
    .map((group) => Number.parseInt(group, 16))
    .flatMap((value) => [value >> 8, value & 255])
    .join(".");
}

/** @throws {STORE_REFUSED} when a host is such an address itself */
export function refuseLocal(host: string): void {
  if (isIP(host) !== 0 && isLocal(host)) throw refused(host);
}

/** Looks up names, and refuses local addresses. The connection uses the checked addresses. */
export const lookupElsewhere: LookupFunction = (host, options, done) => {
  resolveName(host, { ...options, all: true }, (error, found) => {
    if (error !== null) return done(error, "", 0);
    if (found.some(({ address }) => isLocal(address))) return done(refused(host), "", 0);
    const [first] = found;
    if (options.all === true) return done(null, found);
    done(null, first?.address ?? "", first?.family ?? 0);
  });
};

/**
 * Refuses a host whose name resolves to a local address here. The proxy resolves the name itself. An unknown
 * name is left to the proxy.
 *
 * @throws {STORE_REFUSED}
 */
export async function refuseLocalName(host: string): Promise<void> {
  refuseLocal(host);
  const found = await lookupAll(host, { all: true }).catch(() => []);
  if (found.some(({ address }) => isLocal(address))) throw refused(host);
}

function refused(host: string): Error {
  return failed("STORE_REFUSED", host, "is an address of this machine or of its link", {
    hint: "ask the coordinator's operator to start it with --allow-local-addresses",
  });
}

/**
 * Checks whether NO_PROXY names a network that contains the host, an IP address: `10.0.0.0/8`, `fd00::/8`.
 * The library that chooses proxies supports only names.
 */
export function isInNoProxyNetwork(host: string, noProxy: string | undefined): boolean {
  if (isIP(host) === 0 || noProxy === undefined) return false;
  return noProxy.split(/[,\s]+/).some((entry) => isInNetwork(host, entry));
}

function isInNetwork(host: string, entry: string): boolean {
  const [, network = "", bits = ""] = /^\[?([\d.:a-f]+)\]?\/(\d{1,3})$/i.exec(entry) ?? [];
  if (isIP(network) === 0 || isIP(network) !== isIP(host)) return false;
  const family = isIPv6(network) ? "ipv6" : "ipv4";
  if (Number(bits) > (family === "ipv6" ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(host, family);
}
