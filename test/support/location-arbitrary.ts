import fc from "fast-check";
import { type Location, parseLocation } from "../../shared/domain/location.ts";

/** Locations on every kind of storage. */
export const location: fc.Arbitrary<Location> = fc
  .tuple(
    fc.constantFrom("/data/", "s3://bucket/", "https://host:80/a/", "coordinator:/"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
  )
  .map(([root, rest]) => parseLocation(`${root}${rest.replaceAll("\0", "0")}`));
