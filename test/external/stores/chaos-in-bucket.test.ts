import { afterAll, beforeAll, expect, test } from "vitest";
import { BucketPlace } from "../../../fault/bucket-place.ts";
import { chaosRound } from "../../../fault/chaos-round.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

/** Real processes that are killed, paused and replaced, on a real server's bucket over a bad connection. */

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

test.each([
  ["in the bucket, which coordinators on other machines continue", "bucket", 2],
  ["on a disk, which other machines cannot continue", "disk", 3],
] as const)(
  "a job under faults publishes the right rows with its journal %s",
  async (_where, journal, seed) => {
    const stories: string[] = [];
    const note = (story: string) => stories.push(story);
    await using place = await BucketPlace.open(server, { seed, journal });
    const result = await chaosRound({
      seed,
      workers: 4,
      shards: 60,
      hasTasks: true,
      faultSeconds: 10,
      place,
      note,
    });
    expect(result.problems, stories.join("\n")).toEqual([]);
    const { coordinatorKilled, rivalStarted, coordinatorReplaced } = result.fired;
    expect(rivalStarted, stories.join("\n")).toBeGreaterThan(0);
    // No coordinator is killed during its replacement, which may take as long as the job.
    const struck = journal === "bucket" ? coordinatorReplaced : coordinatorKilled;
    expect(struck, stories.join("\n")).toBeGreaterThan(0);
  },
  400_000,
);
