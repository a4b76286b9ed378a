import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CertificateExtension, generate } from "selfsigned";
import type { CertificateFiles } from "../../shared/access/tls-files.ts";

const DAY_MS = 86_400_000;
const KEYS = { keyType: "ec", algorithm: "sha256" } as const;

interface Made {
  /** Name of its files, and its subject. */
  readonly name: string;
  /** Host name. Default: 127.0.0.1 and localhost. */
  readonly host?: string;
  readonly fromDays?: number;
  readonly toDays?: number;
}

/** A test's certificate authority, with PEM files in a folder. */
export class TestCa {
  readonly path: string;
  readonly #folder: string;
  readonly #own: { readonly key: string; readonly cert: string };

  private constructor(folder: string, path: string, own: { readonly key: string; readonly cert: string }) {
    this.#folder = folder;
    this.path = path;
    this.#own = own;
  }

  static async make(folder: string, name = "ca"): Promise<TestCa> {
    const made = await generate([{ name: "commonName", value: name }], {
      ...KEYS,
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, critical: true },
      ],
    });
    const path = join(folder, `${name}.crt`);
    await writeFile(path, made.cert);
    return new TestCa(folder, path, { key: made.private, cert: made.cert });
  }

  /** Writes a certificate and its key, and replaces those of the same name. */
  async sign({ name, host, fromDays = -1, toDays = 30 }: Made): Promise<CertificateFiles> {
    const altNames: Extract<CertificateExtension, { name: "subjectAltName" }>["altNames"] =
      host === undefined
        ? [
            { type: 7, ip: "127.0.0.1" },
            { type: 2, value: "localhost" },
          ]
        : [{ type: 2, value: host }];
    const made = await generate([{ name: "commonName", value: name }], {
      ...KEYS,
      ca: this.#own,
      notBeforeDate: new Date(Date.now() + fromDays * DAY_MS),
      notAfterDate: new Date(Date.now() + toDays * DAY_MS),
      extensions: [
        { name: "basicConstraints", cA: false },
        { name: "subjectAltName", altNames },
      ],
    });
    const files = { cert: join(this.#folder, `${name}.crt`), key: join(this.#folder, `${name}.key`) };
    await writeFile(files.cert, made.cert);
    await writeFile(files.key, made.private, { mode: 0o600 });
    return files;
  }
}
