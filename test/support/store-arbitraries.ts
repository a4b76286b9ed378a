import * as fc from "fast-check";
import type { JobStores } from "../../shared/domain/job-stores.ts";

const text = fc.string();
const word = fc.stringMatching(/^[a-z0-9-]{1,12}$/);

const settings = fc.record(
  {
    endpoint: fc.constantFrom("aws", "http://127.0.0.1:7070"),
    region: word,
    addressing: fc.constantFrom("path", "virtual"),
    anonymous: fc.boolean(),
    requesterPays: fc.boolean(),
    ca: word,
  },
  { requiredKeys: [] },
);

export const jobStores: fc.Arbitrary<JobStores> = fc.record({
  settings: fc.dictionary(fc.constantFrom("s3://", "s3://bucket", "s3://other"), settings),
  isGuarded: fc.boolean(),
  addresses: fc.dictionary(fc.constantFrom("https://host/a", "https://host/b#0123456789ab"), text),
});
