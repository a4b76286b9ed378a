import type { Answer } from "../../shared/http/messages.ts";
import { encodedKey, type ObjectPlace, withPath } from "../object-store/object-place.ts";
import { problemOf } from "../object-store/problem.ts";
import { addressOf, type S3Settings } from "./settings.ts";

/** It becomes a part of a host's name. */
const REGION = /^[a-z0-9-]{1,40}$/;

/** Where an object is asked for. */
interface ObjectAddress {
  readonly url: URL;
  readonly region: string;
}

/** Where buckets are, as far as a store said it: a request that is signed for another region is refused. */
export class BucketRegions {
  readonly #settings: S3Settings;
  readonly #found = new Map<string, string>();

  constructor(settings: S3Settings) {
    this.#settings = settings;
  }

  /** @throws {STORE_REFUSED} for a key that no address can say */
  addressOf(place: ObjectPlace): ObjectAddress {
    const region = this.#regionOf(place.bucket);
    const url = addressOf({ ...this.#settings, region }, place.bucket);
    const path = `${url.pathname.replace(/\/$/, "")}/${encodedKey(place.key)}`;
    return { url: withPath(url, place, path), region };
  }

  /**
   * Whether an answer says that a bucket is elsewhere than where it was asked for: then it may be asked for
   * again. A store that says something else later is not believed, or two would send a request to and fro.
   */
  learn(bucket: string, asked: string, answer: Answer): boolean {
    if (answer.status < 300 || answer.status >= 500) return false;
    const told = answer.headers["x-amz-bucket-region"] ?? problemOf(answer).region;
    if (typeof told !== "string" || !REGION.test(told) || told === asked) return false;
    // Many may have asked at once, and each is told.
    if (!this.#found.has(bucket)) this.#found.set(bucket, told);
    return this.#regionOf(bucket) === told;
  }

  #regionOf(bucket: string): string {
    return this.#found.get(bucket) ?? this.#settings.region;
  }
}
