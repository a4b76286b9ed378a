import { X509Certificate } from "node:crypto";
import { NEVER } from "../../shared/core/abort.ts";
import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { formatBytes } from "../../shared/core/units.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { type JobStores, NO_STORES, type StoreSettings } from "../../shared/domain/job-stores.ts";
import { type Location, parseLocation } from "../../shared/domain/location.ts";
import { formatKeyPath } from "../../shared/job-file/key-path.ts";
import { reasonOf } from "../../shared/storage/errors.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { readText } from "../../shared/storage/whole-file.ts";

/** Limits of the places that a job may access. */
export interface Reach {
  /** Places that the job may open, as in `JobStores`. Default: all. */
  readonly allowed?: readonly string[] | undefined;
  /**
   * True for a job from another user. It must not lead the coordinator or a worker to places that only their
   * machines can reach. The operator's own settings may still name such places. Default: false.
   */
  readonly isGuarded?: boolean | undefined;
}

/**
 * Reads the settings of a job's stores, with the certificates in place of the files that hold them.
 *
 * @throws {SPEC_INVALID} with all files that are not certificates
 */
export async function readStores(
  { stores }: Pick<JobSpec, "stores">,
  { allowed, isGuarded = false }: Reach = {},
): Promise<JobStores> {
  const within = allowed === undefined ? {} : { allowed };
  await using storages = new Storages({}, { ...NO_STORES, ...within });
  const problems: Problem[] = [];
  const settings: Record<string, StoreSettings> = {};
  for (const [name, { ca, ...store }] of Object.entries(stores)) {
    const read = ca === undefined ? null : await readCertificates(parseLocation(ca), storages);
    if (read !== null && "what" in read)
      problems.push({ where: formatKeyPath(["stores", name, "ca"]), ...read });
    settings[name] = read !== null && "pem" in read ? { ...store, ca: read.pem } : store;
  }
  if (problems.length === 0) return { settings, addresses: {}, isGuarded, ...within };
  throw new ShardmillError("SPEC_INVALID", "the settings under `stores` cannot be used", { problems });
}

type Certificates = { readonly pem: string } | Omit<Problem, "where">;

/** Limit of a certificates file: five times a bundle of all publicly trusted roots. */
const MOST_BYTES = 1_000_000;

/** Reads a file of certificates. Refuses any other content, as the text is sent to every worker. */
async function readCertificates(path: Location, storages: Storages): Promise<Certificates> {
  const expected = "a file of certificates in PEM, and nothing else";
  const refused = (what: string) => ({ what, expected, found: path });
  try {
    const storage = await storages.at(path);
    const { bytes } = await storage.stat(path, NEVER);
    if (bytes > MOST_BYTES) return refused(`is too big for certificates: ${formatBytes(bytes)}`);
    const text = await readText(storage, path, NEVER);
    if (text.includes("PRIVATE KEY-----")) return refused("holds a private key, which must stay secret");
    const blocks = text.match(CERTIFICATE) ?? [];
    if (blocks.length === 0) return refused("holds no certificate");
    return blocks.every(isCertificate)
      ? { pem: `${blocks.join("\n")}\n` }
      : refused("holds a certificate that cannot be read");
  } catch (error) {
    return refused(`cannot be read: ${reasonOf(error)}`);
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
