import * as z from "zod";
import { type Context, refuse } from "./job-rules.ts";
import {
  ALL_SCHEMES,
  ENDPOINT_WORDS,
  isBucketName,
  namedEndpoint,
  SECRET_VARIABLES,
  STORE_SCHEMES,
  storesSay,
} from "./store-schemes.ts";

/** Kind of store: its keys, and its valid names. */
interface StoreKind {
  readonly keys: readonly string[];
  /** Words that its endpoint can be, instead of an address. */
  readonly endpoints: readonly string[];
  /** Checks whether a text is valid behind `://`. */
  name(text: string): boolean;
}

const WEB_SERVERS: StoreKind = {
  keys: ["ca"],
  endpoints: [],
  name: (text) => /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/.test(text),
};

const KINDS: ReadonlyMap<string, StoreKind> = new Map([
  ...[...STORE_SCHEMES].map(([scheme, { settings, endpoints = {} }]): [string, StoreKind] => [
    scheme,
    {
      keys: settings,
      endpoints: Object.keys(endpoints),
      // Empty: all buckets.
      name: (text) => text === "" || isBucketName(text, scheme),
    },
  ]),
  ["https", WEB_SERVERS],
]);

const word = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9._:@+-]+$/)
  .meta({ title: "a name" });

const STORE_KEYS = {
  endpoint: z
    .string()
    .max(2_000)
    .superRefine(checkEndpoint)
    .exactOptional()
    .describe(
      [
        "Address of a store that is not at its vendor's address: `https://HOST:PORT`.",
        "Default: from the environment or the profile.",
        ...storesSay("endpoint"),
        "See [stores](#stores).",
      ].join(" "),
    ),
  region: word.exactOptional().describe(["Region of the store.", ...storesSay("region")].join(" ")),
  addressing: z
    .enum(["path", "virtual"])
    .exactOptional()
    .describe(
      "`path`: the bucket is the first name of the path. `virtual`: the bucket is a part of the host's name. Default: `path` " +
        "where there is an endpoint.",
    ),
  anonymous: z
    .boolean()
    .exactOptional()
    .describe("`true`: requests have no credentials, as for public buckets. Shardmill looks for none."),
  requesterPays: z
    .boolean()
    .exactOptional()
    .describe("`true`: the reader pays, and agrees to it, as some buckets require."),
  profile: word
    .exactOptional()
    .describe(
      [
        "Profile whose credentials and settings are used, on each machine that reads.",
        ...storesSay("profile"),
      ].join(" "),
    ),
  ca: z
    .string()
    .min(1)
    .max(1_000_000)
    .exactOptional()
    .describe(
      "A file of certificates in PEM that verify the store's own, relative to the job file. Workers get its content.",
    ),
} as const;

export const STORE_SPEC = z.strictObject(STORE_KEYS);

/** Valid forms of store names, for messages. */
const NAMES = [
  ...(ALL_SCHEMES.length > 0
    ? [`${ALL_SCHEMES.map((scheme) => `\`${scheme}\``).join(", ")} (each with or without a bucket)`]
    : []),
  "`https://HOST`",
].join(" or ");

const storeName = z
  .string()
  .max(500)
  .refine((name) => kindOf(name) !== null)
  .meta({ title: NAMES });

/** Schema of `stores` in the job file. */
export const STORES_SPEC = z
  .record(storeName, STORE_SPEC.prefault({}))
  .superRefine(checkStoreKeys)
  .prefault({})
  .describe(
    `Settings of stores, by name: ${NAMES}. A name without a bucket is for all other buckets of its kind. ` +
      "They override settings of the machine. Keys and passwords are refused: see [stores](#stores).",
  );

export type StoreSpec = Readonly<z.output<typeof STORE_SPEC>>;

/**
 * Checks whether a key holds a secret. A job file must not contain one: it is copied, checked in and sent to
 * workers.
 */
export function isSecretKey(key: string): boolean {
  return /secret|passw|token|credential|access.?key|account.?key|api.?key|signature|^sas$|^key$|^auth|bearer/i.test(
    key,
  );
}

function kindOf(name: string): StoreKind | null {
  const [, scheme = "", authority = ""] = /^([a-z0-9]+):\/\/(.*)$/s.exec(name) ?? [];
  const kind = KINDS.get(scheme);
  const isName = kind?.name(authority) === true && (scheme !== "https" || URL.canParse(name));
  return isName ? (kind ?? null) : null;
}

/** Checks that each setting applies to its kind of store. An ignored setting would be a silent mistake. */
function checkStoreKeys(stores: Readonly<Record<string, StoreSpec>>, context: Context): void {
  for (const [name, store] of Object.entries(stores)) {
    const kind = kindOf(name);
    // The name's own check refuses it.
    if (kind === null) continue;
    const known = kind.keys;
    for (const key of Object.keys(store).filter((each) => !known.includes(each)))
      refuse(context, [name, key], "is not a key of such a store", {
        expected: known.map((each) => `\`${each}\``).join(", "),
      });
    const { endpoint = "" } = store;
    if (namedEndpoint(endpoint) !== undefined && !kind.endpoints.includes(endpoint))
      refuse(context, [name, "endpoint"], "is the endpoint of another kind of store", {
        expected: "https://HOST:PORT",
      });
    if (store.anonymous === true && store.profile !== undefined)
      refuse(context, [name, "profile"], "`anonymous` and `profile` exclude each other", {
        expected: "one of them",
      });
  }
}

/** Checks an endpoint. Messages do not show it, because it may contain a password. */
function checkEndpoint(text: string, context: Context): void {
  if (namedEndpoint(text) !== undefined) return;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isUsable =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (isUsable) return;
  const hasUser = url !== null && `${url.username}${url.password}` !== "";
  refuse(context, [], hasUser ? "has a name or a password in it" : "is not the address of a store", {
    expected: ["https://HOST:PORT", ...ENDPOINT_WORDS.map((word) => `\`${word}\``)].join(", or "),
    ...(hasUser ? { hint: SECRETS_ELSEWHERE } : {}),
  });
}

export const SECRETS_ELSEWHERE =
  `leave secrets to the environment${SECRET_VARIABLES.length > 0 ? ` (${SECRET_VARIABLES.join(", ")})` : ""}, ` +
  "a profile, or the machine's role";
