import type { Answer } from "../../shared/http/messages.ts";
import { encodedKey, type ObjectPlace, withPath } from "../object-store/object-place.ts";
import { problemOf } from "../object-store/problem.ts";
import { addressOf, type S3Settings } from "./settings.ts";

/** Form of a region, which becomes part of a host name. */
const REGION = /^[a-z0-9-]{1,40}$/;

/** URL and region of a request for an object. */
interface ObjectAddress {
  readonly url: URL;
  readonly region: string;
}

/**
 * Regions of buckets, from responses of the store. A request that is signed for another region is refused.
 */
export class BucketRegions {
  readonly #settings: S3Settings;
  readonly #found = new Map<string, string>();

  constructor(settings: S3Settings) {
    this.#settings = settings;
  }

  /** @throws {STORE_REFUSED} when no URL can express the key */
  addressOf(place: ObjectPlace): ObjectAddress {
    const region = this.#regionOf(place.bucket);
    const url = addressOf({ ...this.#settings, region }, place.bucket);
    const path = `${url.pathname.replace(/\/$/, "")}/${encodedKey(place.key)}`;
    return { url: withPath(url, place, path), region };
  }

  /**
   * Learns a bucket's region from a response. Returns true when the request may be repeated for another
   * region. The first answer wins, because contradicting ones would redirect a request forever.
   */
  learn(bucket: string, requested: string, answer: Answer): boolean {
    if (answer.status < 300 || answer.status >= 500) return false;
    const namedRegion = answer.headers["x-amz-bucket-region"] ?? problemOf(answer).region;
    if (typeof namedRegion !== "string" || !REGION.test(namedRegion) || namedRegion === requested)
      return false;
    // Concurrent requests may all get this response.
    if (!this.#found.has(bucket)) this.#found.set(bucket, namedRegion);
    return this.#regionOf(bucket) === namedRegion;
  }

  #regionOf(bucket: string): string {
    return this.#found.get(bucket) ?? this.#settings.region;
  }
}
