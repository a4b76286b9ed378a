import { describe, expect, test } from "vitest";
import { buildsOf, startNotes } from "../../../../coordinator/job/start-notes.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";

const started = (build: string, generation: number): JournalRecord => ({
  kind: "generationStarted",
  generation,
  build,
  wallMs: 0,
  previousBytes: 0,
  previousCrc32: 0,
});

const buildsIn = (...builds: string[]) => buildsOf(builds.map((build, index) => started(build, index + 1)));

describe("what is said of a job that begins", () => {
  test("names the versions that worked on it, if there are several", () => {
    expect(buildsIn("0.1.0", "0.1.0")).toEqual(["0.1.0"]);
    expect(buildsIn("0.1.0", "0.2.0", "0.1.0")).toEqual(["0.2.0", "0.1.0"]);
    expect(startNotes({ leftOut: [] }, buildsIn("0.1.0"))).toEqual([]);
    expect(startNotes({ leftOut: [] }, buildsIn("0.1.0", "0.1.0", "0.2.0", "0.3.0"))).toEqual([
      "begun by shardmill 0.1.0, then 0.2.0, this is 0.3.0: the manifest will list them",
    ]);
  });

  test("names what was left out of its input", () => {
    const leftOut = [
      { reason: "jobOutput", count: 1, examples: ["/d/out"] },
      { reason: "hidden", count: 1_200, examples: ["/d/.a", "/d/.b", "/d/_c"] },
    ] as const;
    expect(startNotes({ leftOut }, ["0.1.0"])).toEqual([
      "left out of the input: 1 output of a job (/d/out); 1,200 names that begin with . or _ (/d/.a, /d/.b, /d/_c, ...)",
    ]);
  });
});
