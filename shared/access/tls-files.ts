import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { SecureContextOptions } from "node:tls";
import { messageOf, ShardmillError } from "../core/errors.ts";

/** Paths of two PEM files: a certificate, followed by its intermediate certificates, and its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * Certificate of a coordinator, and the CAs of accepted clients. Null: no client certificates are required.
 */
export interface ServerTls {
  readonly own: CertificateFiles;
  readonly clientCa: string | null;
}

/**
 * CAs that authenticate the coordinator (null: the system's), and the client's own certificate (null: none).
 */
export interface ClientTls {
  readonly ca: string | null;
  readonly own: CertificateFiles | null;
}

/** TLS 1.2 is the oldest secure version. It is also Node's default, unless the user lowers that. */
const OLDEST = "TLSv1.2";

/**
 * Files for TLS, read again for each new connection. A renewed certificate needs no restart, and open
 * connections stay.
 */
export class TlsFiles {
  readonly #ca: string | null;
  readonly #own: CertificateFiles | null;
  #last: SecureContextOptions;

  /** Reads the files. @throws {TLS_INVALID} when a file is invalid */
  constructor(ca: string | null, own: CertificateFiles | null) {
    this.#ca = ca;
    this.#own = own;
    this.#last = this.#read();
    if (own !== null) refuseOutOfDate(own.cert);
  }

  /**
   * Returns the current content. While the files are being replaced and do not match, returns the previous
   * content.
   */
  latest(onBroken: (error: unknown) => void = () => {}): SecureContextOptions {
    try {
      const found = this.#read();
      // Keep the previous object, so that callers can detect by identity that nothing changed.
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
    const hint = "name a PEM file that begins with -----BEGIN CERTIFICATE-----";
    throw invalid(path, "the file holds no certificate", hint, error);
  }
}

function keyIn(path: string, text: Buffer): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const hint = "name a PEM file without a passphrase that begins with -----BEGIN PRIVATE KEY-----";
    throw invalid(path, "the file holds no usable key", hint, error);
  }
}

/**
 * Refuses a certificate outside its validity when the files are opened. Later, clients report the error
 * themselves.
 */
function refuseOutOfDate(path: string): void {
  const { validFrom, validTo } = certificateIn(path, readPem(path, "certificate"));
  const nowMs = Date.now();
  if (nowMs > Date.parse(validTo))
    throw invalid(path, `the certificate expired on ${validTo}`, "renew it, or set the clock");
  if (nowMs < Date.parse(validFrom))
    throw invalid(path, `the certificate is valid from ${validFrom}`, "wait for it, or set the clock");
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
