import { createHmac } from "node:crypto";
import { join } from "node:path";
import { AzureClient } from "../../extensions/azure/azure-client.ts";
import type { AzureCredentials } from "../../extensions/azure/credentials.ts";
import { type AzureSettings, azureSettingsOf } from "../../extensions/azure/settings.ts";
import { authorized } from "../../extensions/azure/signer.ts";
import { CredentialCache } from "../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../extensions/object-store/object-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { startForeignServer } from "./foreign-server.ts";

/** Microsoft's own emulator of Azure Blob Storage, which `npm run stores` fetches. */
export interface AzureServer extends AsyncDisposable {
  readonly settings: AzureSettings;
  /** Environment of Azure's own programs, for started processes. */
  readonly env: Readonly<Record<string, string>>;
  storage(): Storage;
  client(): AzureClient;
  makeContainer(name: string): Promise<void>;
  /** Returns a shared access signature of the account that is valid for some minutes. */
  signatureFor(minutes: number): string;
  /** Returns the bytes of a key, as other programs read them. */
  kept(container: string, key: string): Promise<Uint8Array>;
}

const ACCOUNT = "devstoreaccount1";

export async function startAzureServer(): Promise<AzureServer> {
  const server = await startForeignServer(
    join(process.env.SHARDMILL_FOREIGN ?? "", "azurite-blob"),
    (port) => [
      ...["--blobHost", "127.0.0.1", "--blobPort", String(port), "--silent", "--skipApiVersionCheck"],
      ...["--inMemoryPersistence", "--disableTelemetry"],
    ],
  );
  const endpoint = `http://127.0.0.1:${server.port}/${ACCOUNT}`;
  const { access } = azureSettingsOf({ AZURE_STORAGE_USE_EMULATOR: "true" });
  if (access.kind !== "key") throw new Error("the emulator has no key");
  const env = {
    AZURE_STORAGE_ACCOUNT: ACCOUNT,
    AZURE_STORAGE_KEY: access.key,
    AZURE_STORAGE_ENDPOINT: endpoint,
  };
  const settings = azureSettingsOf(env);
  const credentials: AzureCredentials = { ...access, identity: "the emulator's key" };
  const client = () =>
    new AzureClient({ settings, credentials: new CredentialCache(async () => credentials) });
  const ask = async (method: "GET" | "PUT", path: string, query: Readonly<Record<string, string>>) => {
    const request = { method, account: ACCOUNT, url: new URL(`${endpoint}/${path}`), query, headers: {} };
    const { url, headers, secretHeaders } = authorized(request, credentials, Date.now());
    const response = await fetch(url, { method, headers: { ...headers, ...secretHeaders } });
    if (!response.ok) throw new Error(`${method} ${path} answers ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  return {
    settings,
    env,
    client,
    storage: () => createObjectStorage(client()),
    makeContainer: async (name) => void (await ask("PUT", name, { restype: "container" })),
    kept: (container, key) =>
      ask("GET", `${container}/${key.split("/").map(encodeURIComponent).join("/")}`, {}),
    signatureFor(minutes) {
      const at = (ms: number) => new Date(Date.now() + ms).toISOString().replace(/\.\d+/, "");
      const [start, expiry] = [at(-3_600_000), at(minutes * 60_000)];
      const said = {
        sp: "rwdlacx",
        ss: "b",
        srt: "sco",
        st: start,
        se: expiry,
        spr: "https,http",
        sv: "2021-08-06",
      };
      const text = [
        ACCOUNT,
        said.sp,
        said.ss,
        said.srt,
        said.st,
        said.se,
        "",
        said.spr,
        said.sv,
        "",
        "",
      ].join("\n");
      const sig = createHmac("sha256", Buffer.from(access.key, "base64")).update(text).digest("base64");
      return new URLSearchParams({ ...said, sig }).toString();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
