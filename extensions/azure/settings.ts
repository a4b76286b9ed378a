import { ShardmillError } from "../../shared/core/errors.ts";

/** Azure storage account, its endpoint and its kind of credentials. */
export interface AzureSettings {
  /** Account of locations that name none. Null: every location must name its account. */
  readonly account: string | null;
  /** Endpoint of the account's blobs. Null: Azure's default. */
  readonly endpoint: URL | null;
  readonly access: AzureAccess;
  /** Certificates of authorities in PEM. Null: the default authorities. */
  readonly ca: string | null;
  /** See `Connections`. */
  readonly isGuarded?: boolean;
}

type AzureAccess =
  /** Account key, in base64. */
  | { readonly kind: "key"; readonly key: string }
  /** Shared access signature: a query string as Azure issues it. */
  | { readonly kind: "sas"; readonly sas: string }
  | { readonly kind: "anonymous" }
  /** Tokens of the identity that this machine or its environment has. */
  | { readonly kind: "identity" };

export type Environment = Readonly<Record<string, string | undefined>>;

/** Azurite's documented account and key, which are public. */
const EMULATOR = {
  account: "devstoreaccount1",
  key: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
  endpoint: "http://127.0.0.1:10000/devstoreaccount1",
};

const CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING";

/**
 * Reads the settings by the variables of Azure's own tools, and of other tools that follow them. A connection
 * string has everything. Else a key precedes a shared access signature, which precedes an identity.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used here. Another machine may have valid ones.
 */
export function azureSettingsOf(env: Environment): AzureSettings {
  const connection = env[CONNECTION_STRING];
  if (connection) return settingsOfConnection(connection);
  if (isTrue(env.AZURE_STORAGE_USE_EMULATOR)) return emulator();
  const account = env.AZURE_STORAGE_ACCOUNT || env.AZURE_STORAGE_ACCOUNT_NAME || null;
  const key = env.AZURE_STORAGE_KEY || env.AZURE_STORAGE_ACCOUNT_KEY || env.AZURE_STORAGE_ACCESS_KEY;
  const sas = env.AZURE_STORAGE_SAS_TOKEN || env.AZURE_STORAGE_SAS_KEY;
  const endpoint = env.AZURE_STORAGE_ENDPOINT || env.AZURE_STORAGE_SERVICE_ENDPOINT;
  const isAnonymous = isTrue(env.AZURE_SKIP_SIGNATURE) || isTrue(env.AZURE_STORAGE_ANON);
  return {
    account: account === null ? null : checkedAccount("AZURE_STORAGE_ACCOUNT", account),
    endpoint: endpoint ? endpointOf("AZURE_STORAGE_ENDPOINT", endpoint) : null,
    access: isAnonymous ? { kind: "anonymous" } : accessOf("AZURE_STORAGE_KEY", key, sas),
    ca: null,
  };
}

/** Azure's own hosts, private endpoints included. The first label is the account. */
const AZURE =
  /^([a-z0-9]{3,24})\.(privatelink\.)?blob\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)$/;

/**
 * Returns the settings at an endpoint that a job names. Azure's own hosts alone receive an identity's tokens.
 * A key or a signature goes to the hosts of its own account. An emulator gets its public key, and every other
 * endpoint gets anonymous requests.
 */
export function atEndpoint(settings: AzureSettings, text: string): AzureSettings {
  const endpoint = endpointOf("stores", text);
  const [, first = ""] = endpoint.pathname.split("/");
  if (first === EMULATOR.account)
    return { ...settings, account: first, endpoint, access: { kind: "key", key: EMULATOR.key } };
  const [, account] = AZURE.exec(endpoint.hostname) ?? [];
  const { kind } = settings.access;
  const isKnown = kind === "identity" || account === settings.account;
  if (account !== undefined && endpoint.protocol === "https:" && isKnown)
    return { ...settings, account, endpoint };
  const named = account ?? (first === "" ? (endpoint.hostname.split(".")[0] ?? "") : first);
  return { ...settings, account: named, endpoint, access: { kind: "anonymous" } };
}

/**
 * Parses a connection string: `Name=value` pairs, separated by `;`. Errors never show it, because it has a
 * key.
 */
function settingsOfConnection(text: string): AzureSettings {
  const pairs = text.split(";").map((pair) => {
    const end = pair.indexOf("=");
    return [pair.slice(0, Math.max(end, 0)).trim().toLowerCase(), pair.slice(end + 1).trim()] as const;
  });
  const said = new Map(pairs);
  if (said.get("usedevelopmentstorage") === "true") return emulator();
  const account = said.get("accountname") || null;
  const suffix = said.get("endpointsuffix") || "core.windows.net";
  const protocol = said.get("defaultendpointsprotocol") || "https";
  const endpoint =
    said.get("blobendpoint") || (account === null ? "" : `${protocol}://${account}.blob.${suffix}`);
  if (endpoint === "")
    throw invalidSetting(CONNECTION_STRING, "names no account", "AccountName=NAME;AccountKey=KEY");
  const url = endpointOf(CONNECTION_STRING, endpoint);
  const named = account ?? url.hostname.split(".")[0] ?? "";
  return {
    account: checkedAccount(CONNECTION_STRING, named),
    endpoint: url,
    access: accessOf(CONNECTION_STRING, said.get("accountkey"), said.get("sharedaccesssignature")),
    ca: null,
  };
}

function emulator(): AzureSettings {
  const { account, key, endpoint } = EMULATOR;
  return { account, endpoint: new URL(endpoint), access: { kind: "key", key }, ca: null };
}

function accessOf(variable: string, key: string | undefined, sas: string | undefined): AzureAccess {
  if (key) {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key))
      throw invalidSetting(variable, "is not an account key", "text in base64");
    return { kind: "key", key };
  }
  if (!sas) return { kind: "identity" };
  const query = sas.replace(/^\?/, "");
  if (!/^[\x21-\x7e]+$/.test(query) || !/(^|&)sig=/.test(query) || query.includes("#"))
    throw invalidSetting("AZURE_STORAGE_SAS_TOKEN", "is not a shared access signature", "sv=...&sig=...");
  return { kind: "sas", sas: query };
}

function checkedAccount(variable: string, account: string): string {
  if (/^[a-z0-9]{3,24}$/.test(account)) return account;
  throw invalidSetting(variable, "is not an account name", "3 to 24 lowercase letters and digits");
}

function endpointOf(variable: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isUsable =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (!isUsable)
    throw invalidSetting(variable, "has no address of a store", "https://ACCOUNT.blob.core.windows.net");
  return url;
}

function isTrue(value: string | undefined): boolean {
  return /^(1|true)$/i.test(value ?? "");
}

export function invalidSetting(variable: string, what: string, expected: string): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `Azure Storage cannot be used: ${variable} ${what}`, {
    fields: { variable, expected },
    hint: `set ${variable} to ${expected}, or unset it`,
  });
}
