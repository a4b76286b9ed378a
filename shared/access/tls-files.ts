import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { SecureContextOptions } from "node:tls";
import { messageOf, ShardmillError } from "../core/errors.ts";

/** Paths of two PEM files: a certificate, the ones between it and its CA behind it, and its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** What a coordinator shows whoever connects, and the CAs of those whom it lets in; null: anybody's. */
export interface ServerTls {
  readonly own: CertificateFiles;
  readonly clientCa: string | null;
}

/** The CAs by which a client knows its coordinator (null: the system's), and what it shows; null: nothing. */
export interface ClientTls {
  readonly ca: string | null;
  readonly own: CertificateFiles | null;
}

/** TLS 1.2 is the oldest that is not broken; the default of Node is the same, unless its user lowers it. */
const OLDEST = "TLSv1.2";

/**
 * Files for TLS as they are whenever a connection is made: so a renewed certificate needs no restart, and
 * connections that are open stay.
 */
export class TlsFiles {
  readonly #ca: string | null;
  readonly #own: CertificateFiles | null;
  #last: SecureContextOptions;

  /** Reads them. @throws {TLS_INVALID} when one cannot be used */
  constructor(ca: string | null, own: CertificateFiles | null) {
    this.#ca = ca;
    this.#own = own;
    this.#last = this.#read();
    if (own !== null) refuseOutOfDate(own.cert);
  }

  /** What stands in them now; while they are replaced, and do not fit each other, what stood there before. */
  latest(onBroken: (error: unknown) => void = () => {}): SecureContextOptions {
    try {
      const found = this.#read();
      // The same object as before, so that whoever keeps a context of it can see that nothing changed.
      if (!isSame(found, this.#last)) this.#last = found;
    } catch (error) {
      onBroken(error);
    }
    return this.#last;
  }

  #read(): SecureContextOptions {
    const own = this.#own === null ? {} : readPair(this.#own);
    return { minVersion: OLDEST, ...own, ...(this.#ca === null ? {} : { ca: readCa(this.#ca) }) };
  }
}

function readPair({ cert, key }: CertificateFiles): { readonly cert: Buffer; readonly key: Buffer } {
  const certificate = readPem(cert, "certificate");
  const secret = readPem(key, "key");
  if (certificateIn(cert, certificate).checkPrivateKey(keyIn(key, secret)))
    return { cert: certificate, key: secret };
  throw invalid(key, "the key does not belong to the certificate", `name the key of ${cert}`);
}

function readCa(path: string): Buffer {
  const text = readPem(path, "CA");
  certificateIn(path, text);
  return text;
}

function readPem(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw invalid(path, `the ${what} cannot be read: ${messageOf(error)}`, "name a PEM file", error);
  }
}

function certificateIn(path: string, text: Buffer): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    const hint = "expected PEM, which begins with -----BEGIN CERTIFICATE-----";
    throw invalid(path, "the file holds no certificate", hint, error);
  }
}

function keyIn(path: string, text: Buffer): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const hint = "expected PEM without a passphrase, which begins with -----BEGIN PRIVATE KEY-----";
    throw invalid(path, "the file holds no key that can be used", hint, error);
  }
}

/** When it is named. Later it would help nobody to end: whoever connects is told. */
function refuseOutOfDate(path: string): void {
  const { validFrom, validTo } = certificateIn(path, readPem(path, "certificate"));
  const nowMs = Date.now();
  if (nowMs > Date.parse(validTo))
    throw invalid(path, `the certificate ended on ${validTo}`, "renew it, or set the clock");
  if (nowMs < Date.parse(validFrom))
    throw invalid(path, `the certificate begins on ${validFrom}`, "wait for it, or set the clock");
}

function isSame(a: SecureContextOptions, b: SecureContextOptions): boolean {
  const names = ["ca", "cert", "key"] as const;
  return names.every((name) => String(a[name]) === String(b[name]));
}

function invalid(path: string, what: string, hint: string, cause?: unknown): ShardmillError {
  return new ShardmillError("TLS_INVALID", what, {
    fields: { path },
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
