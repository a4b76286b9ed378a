import { EXTENSIONS } from "#extensions";

const storages = EXTENSIONS.flatMap(({ storage }) => storage ?? []);
const schemes = storages.flatMap((storage) => Object.entries(storage.schemes));

/** Schemes of the stores that extensions open, and facts about each. */
export const STORE_SCHEMES = new Map(schemes);

/** First scheme of each store: `s3`, `gs`, `az`. */
const shown = schemes.filter(([, { isAlias = false }]) => !isAlias);

/** Schemes that messages show: `s3://`, `gs://`, `az://`. */
export const SHOWN_SCHEMES = shown.map(([scheme]) => `${scheme}://`);
export const ALL_SCHEMES = schemes.map(([scheme]) => `${scheme}://`);

/** Returns the example address of each store, for messages: `s3://BUCKET/KEY, az://CONTAINER/KEY`. */
export function exampleAddresses(key: string): readonly string[] {
  return shown.map(([scheme]) => exampleAddress(scheme, key));
}

export function exampleAddress(scheme: string, key: string): string {
  return `${scheme}://${STORE_SCHEMES.get(scheme)?.bucket}/${key}`;
}

/** Facts about web addresses that stores sign. */
export const STORE_SIGNATURES = storages.flatMap(({ signature }) => signature ?? []);

/** Environment variables that hold secrets of stores. */
export const SECRET_VARIABLES = storages.flatMap(({ secrets = [] }) => secrets);

/** Returns the sentences of all stores about a key of `stores` in the job file. */
export function storesSay(key: string): readonly string[] {
  return storages.flatMap(({ says = {} }) => says[key] ?? []);
}

const notices = storages.flatMap(({ notices = [] }) => notices);

/** Names of the stores that send messages about new objects. */
export const NOTICE_STORES = notices.map(({ store }) => store);

/** Loads the readers for messages about new objects. */
export async function loadNotices() {
  return await Promise.all(notices.map((notice) => notice.load()));
}

const namedEndpoints = new Map(schemes.flatMap(([, { endpoints = {} }]) => Object.entries(endpoints)));

/** Returns the address that a word of `stores.endpoint` names, such as `aws`. */
export function namedEndpoint(word: string): string | undefined {
  return namedEndpoints.get(word);
}

/** Words of `stores.endpoint`. */
export const ENDPOINT_WORDS = [...namedEndpoints.keys()];

/** Usual form of bucket names. None of these characters ends a host name. */
const BUCKET_FORM = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/**
 * Checks whether a bucket can have this name. No valid name redirects a signed request to another host. A
 * form that includes a host allows only hosts of the vendor.
 */
export function isBucketName(text: string, scheme: string): boolean {
  return (STORE_SCHEMES.get(scheme)?.bucketForm ?? BUCKET_FORM).test(text);
}
