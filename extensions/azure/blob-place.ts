import { failed } from "../../shared/http/failures.ts";
import { encodedKey, type ObjectPlace, withPath } from "../object-store/object-place.ts";
import { type AzureSettings, invalidSetting } from "./settings.ts";

/** Container of an account, with its endpoint. */
interface ContainerPlace {
  readonly account: string;
  /** Endpoint of the account, without a trailing path. */
  readonly endpoint: URL;
  readonly container: string;
}

/**
 * Finds the container of a location. `az://container` is in the account of the settings.
 * `abfss://container@account.dfs.core.windows.net` names its account.
 *
 * @throws {STORE_REFUSED} when the account is unknown, or differs from the account of the key or signature
 */
export function containerOf({ bucket, path }: ObjectPlace, settings: AzureSettings): ContainerPlace {
  const [container = "", host] = bucket.split("@");
  if (host === undefined) {
    const { account } = settings;
    if (account === null)
      throw invalidSetting("AZURE_STORAGE_ACCOUNT", "is not set", "the name of the account");
    return { account, container, endpoint: endpointOf(account, settings, "core.windows.net") };
  }
  const [account = "", , ...suffix] = host.split(".");
  const { kind } = settings.access;
  if (account !== settings.account && (kind === "key" || kind === "sas"))
    throw failed(
      "STORE_REFUSED",
      path,
      `is in account ${account}, and the credentials belong to another account`,
      {
        fields: { variable: "AZURE_STORAGE_ACCOUNT", expected: account, found: settings.account },
        hint: "set AZURE_STORAGE_ACCOUNT and its key or signature to those of this account, or use an identity",
      },
    );
  return { account, container, endpoint: endpointOf(account, settings, suffix.join(".")) };
}

function endpointOf(account: string, settings: AzureSettings, suffix: string): URL {
  if (settings.endpoint !== null && account === settings.account) return new URL(settings.endpoint);
  return new URL(`https://${account}.blob.${suffix}`);
}

/**
 * Returns the URL of a container or of a blob in it.
 *
 * @throws {STORE_REFUSED} when Azure would read the name as another name
 */
export function addressOf({ endpoint, container }: ContainerPlace, place: ObjectPlace): URL {
  const { key, path } = place;
  if (key.includes("\\"))
    throw failed("STORE_REFUSED", path, "contains a backslash, which Azure reads as a slash", {
      hint: "rename the blob",
    });
  const name = key === "" ? "" : `/${encodedKey(key)}`;
  return withPath(endpoint, place, `${endpoint.pathname.replace(/\/$/, "")}/${container}${name}`);
}
