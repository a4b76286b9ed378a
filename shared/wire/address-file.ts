import { readFileSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { formatAddress, parseAddress } from "./address.ts";

/** Returns the path of `@FILE`, a file that holds the address. Null: the text is an address itself. */
export function addressFileOf(text: string): string | null {
  return text.startsWith("@") ? text.slice(1) : null;
}

/**
 * Reads the address that a coordinator wrote to a file.
 *
 * @throws {ARGUMENT_INVALID} when the file cannot be read, or holds no address
 */
export function readAddressFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw unusable(path, "cannot be read", messageOf(error));
  }
  const address = addressOf(text);
  if (address === null) throw unusable(path, "holds no address", JSON.stringify(text.slice(0, 100)));
  return address;
}

/**
 * Writes the address of a coordinator atomically: readers find the new address or the previous one. A
 * coordinator that listens on all networks gets this machine's name.
 *
 * @throws {ARGUMENT_INVALID} when the file cannot be written
 */
export async function writeAddressFile(path: string, listening: string): Promise<void> {
  const { host, port } = parseAddress(listening, "connect");
  const isEverywhere = host === "0.0.0.0" || /^[0:]+$/.test(host);
  const address = formatAddress({ host: isEverywhere ? hostname() : host, port });
  const draft = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(draft, `${address}\n`);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw new ShardmillError("ARGUMENT_INVALID", `--address-file cannot be written: ${messageOf(error)}`, {
      fields: { path },
      hint: "name a file in an existing folder that this user may write",
    });
  }
}

/** Reads the address in a file without blocking. Null: the file cannot be read, or holds no address. */
export async function addressIn(path: string): Promise<string | null> {
  return addressOf((await readFile(path, "utf8").catch(() => "")).trim());
}

function addressOf(text: string): string | null {
  try {
    return formatAddress(parseAddress(text, "connect"));
  } catch {
    return null;
  }
}

function unusable(path: string, what: string, found: string): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", `the address file ${path} ${what}`, {
    fields: { path },
    problems: [
      {
        where: "--coordinator",
        what,
        expected: "HOST:PORT, as `coordinator --address-file` writes it",
        found,
      },
    ],
    hint: "start the coordinator with --address-file, on a disk that both machines mount",
  });
}
