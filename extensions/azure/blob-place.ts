import { failed } from "../../shared/http/failures.ts";
import { encodedKey, type ObjectPlace, withPath } from "../object-store/object-place.ts";
import { type AzureSettings, invalidSetting } from "./settings.ts";

/** A container of an account, and where it is asked for. */
interface ContainerPlace {
  readonly account: string;
  /** Of the account, without an end. */
  readonly endpoint: URL;
  readonly container: string;
}

/**
 * `az://container` is of the account of the settings; `abfss://container@account.dfs.core.windows.net` says
 * which.
 *
 * @throws {STORE_REFUSED} when no account is said, or another than the one that key or signature are of: they
 * are told to nobody else
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
    throw failed("STORE_REFUSED", path, `is of the account ${account}, and the credentials are of another`, {
      fields: { variable: "AZURE_STORAGE_ACCOUNT", expected: account, found: settings.account },
      hint: "set AZURE_STORAGE_ACCOUNT and its key or signature to those of this account, or use an identity",
    });
  return { account, container, endpoint: endpointOf(account, settings, suffix.join(".")) };
}

function endpointOf(account: string, settings: AzureSettings, suffix: string): URL {
  if (settings.endpoint !== null && account === settings.account) return new URL(settings.endpoint);
  return new URL(`https://${account}.blob.${suffix}`);
}

/**
 * The address of a container, or of what is in it.
 *
 * @throws {STORE_REFUSED} for a name that the store would take for another one
 */
export function addressOf({ endpoint, container }: ContainerPlace, place: ObjectPlace): URL {
  const { key, path } = place;
  if (key.includes("\\"))
    throw failed("STORE_REFUSED", path, "has a backslash in it, which Azure takes for a slash", {
      hint: "call the blob otherwise",
    });
  const name = key === "" ? "" : `/${encodedKey(key)}`;
  return withPath(endpoint, place, `${endpoint.pathname.replace(/\/$/, "")}/${container}${name}`);
}
