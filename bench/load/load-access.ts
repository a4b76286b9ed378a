import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Credential, userCredential } from "../../shared/access/credential.ts";
import { TestCa } from "../../test/support/certificates.ts";
import { runCli } from "../../test/support/processes.ts";
import type { BareTarget } from "./bare-connection.ts";

/** Credentials of the load's clients. */
interface LoadAccess {
  /** Options of the coordinator's command. */
  readonly options: readonly string[];
  /** Returns a worker's credentials. Called once the coordinator listens and has made the user's secret. */
  readonly worker: () => Omit<BareTarget, "coordinator">;
  /** Returns the credentials of status requests. */
  readonly reader: () => Credential;
}

/** Access on one machine: no TLS, the user's secret. */
export const OPEN_ACCESS: LoadAccess = {
  options: [],
  worker: () => ({ token: userCredential().secret ?? "" }),
  reader: () => userCredential(),
};

/** Makes access as in a cluster: TLS, a token for all workers, another for readers. */
export async function guardedAccess(folder: string): Promise<LoadAccess> {
  const ca = await TestCa.make(folder);
  const { cert, key } = await ca.sign({ name: "coordinator" });
  const tokensFile = join(folder, "tokens");
  const tokenOf = async (role: string) => {
    const made = await runCli(["token", "create", "--role", role, "--tokens-file", tokensFile, "--json"]);
    return (JSON.parse(made.stdout) as { readonly token: string }).token;
  };
  const [worker, reader] = [await tokenOf("work"), await tokenOf("read")];
  return {
    options: ["--tls-cert", cert, "--tls-key", key, "--tokens-file", tokensFile],
    worker: () => ({ ca: readFileSync(ca.path, "utf8"), token: worker }),
    reader: () => ({ path: tokensFile, secret: reader, tls: { ca: ca.path, own: null } }),
  };
}
